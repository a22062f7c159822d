'use strict';

const assert = require('node:assert');
const test = require('node:test');

const { word } = require('../src/token.js');

test('a word has six letters', async () => {
  assert.match(await word(), /^[A-H]{6}$/);
});
