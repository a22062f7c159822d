'use strict';

const assert = require('node:assert');
const test = require('node:test');

const { type } = require('../src/type.js');

test('a name has a type', () => {
  assert.strictEqual(type('a.html'), 'text/html');
});

test('an unknown name has the general type', () => {
  assert.strictEqual(type('a.nothing-known'), 'application/octet-stream');
});
