'use strict';

const assert = require('node:assert');
const test = require('node:test');

const { add } = require('../src/basket.js');

test('the old basket stays as it was', () => {
  const before = { pear: 1 };
  assert.deepStrictEqual(add(before, 'pear'), { pear: 2 });
  assert.deepStrictEqual(before, { pear: 1 });
});
