'use strict';

const assert = require('node:assert');
const test = require('node:test');

const { fresh, of } = require('../src/id.js');

test('a new id is one of version 4', () => {
  assert.match(fresh(), /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});

test('an address has one id', () => {
  assert.strictEqual(of('a'), of('a'));
  assert.notStrictEqual(of('a'), of('b'));
});
