'use strict';

const assert = require('node:assert');
const test = require('node:test');

const { options } = require('../src/options.js');

test('flags are read', () => {
  assert.deepStrictEqual({ ...options(['-f']) }, { force: true });
});
