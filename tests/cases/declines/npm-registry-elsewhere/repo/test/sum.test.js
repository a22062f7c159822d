'use strict';

const assert = require('node:assert');
const test = require('node:test');

const { sum } = require('../src/sum.js');

test('only numbers count', () => {
  assert.strictEqual(sum([1, '2', 'three', null]), 3);
});
