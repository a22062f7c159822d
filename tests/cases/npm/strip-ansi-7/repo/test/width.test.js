'use strict';

const assert = require('node:assert');
const test = require('node:test');

const { width } = require('../src/width.js');

test('colours take no room', () => {
  assert.strictEqual(width('\u001b[31mred\u001b[39m'), 3);
});
