'use strict';

const assert = require('node:assert');
const test = require('node:test');

const { wrong } = require('../src/check.js');

test('nothing is wrong', () => {
  assert.deepStrictEqual(wrong({ name: 'Ada', age: 36 }), []);
});

test('the wrong field is named', () => {
  assert.deepStrictEqual(wrong({ name: 'Ada', age: -1 }), ['age']);
});
