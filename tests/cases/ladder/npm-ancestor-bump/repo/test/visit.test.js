'use strict';

const assert = require('node:assert');
const test = require('node:test');

const { read } = require('../src/visit.js');

test('cookies are read', () => {
  assert.deepStrictEqual({ ...read('theme=dark; size=2') }, { theme: 'dark', size: '2' });
});

test('an object in a cookie is read', () => {
  assert.deepStrictEqual({ ...read('cart=j%3A%7B%22pears%22%3A2%7D') }, { cart: { pears: 2 } });
});
