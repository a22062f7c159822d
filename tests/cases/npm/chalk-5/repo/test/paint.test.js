'use strict';

const assert = require('node:assert');
const test = require('node:test');

const { line } = require('../src/paint.js');

test('good is green', () => {
  assert.strictEqual(line(true, 'ok'), '\u001b[32mok\u001b[39m');
});

test('bad is red', () => {
  assert.strictEqual(line(false, 'no'), '\u001b[31mno\u001b[39m');
});
