'use strict';

const assert = require('node:assert');
const test = require('node:test');

const { options } = require('../src/options.js');

test('flags are read', () => {
  assert.deepStrictEqual(options(['-f', '--to', 'there']), { force: true, to: 'there' });
});

test('defaults are there', () => {
  assert.deepStrictEqual(options([]), { force: false, to: 'here' });
});
