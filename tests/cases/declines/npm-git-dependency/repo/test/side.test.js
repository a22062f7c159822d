'use strict';

const assert = require('node:assert');
const test = require('node:test');

const { side } = require('../src/side.js');

test('space is gone', () => {
  assert.strictEqual(side('  x'), 'x');
});
