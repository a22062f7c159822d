'use strict';

const assert = require('node:assert');
const test = require('node:test');

const { mark } = require('../src/mark.js');

test('a mark is bold', () => {
  assert.strictEqual(mark('x'), '\u001b[1mx\u001b[22m');
});
