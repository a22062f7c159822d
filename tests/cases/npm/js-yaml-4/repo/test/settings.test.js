'use strict';

const assert = require('node:assert');
const test = require('node:test');

const { read, write } = require('../src/settings.js');

test('settings are read', () => {
  assert.deepStrictEqual(read('port: 80\nhosts: [a, b]\n'), { port: 80, hosts: ['a', 'b'] });
});

test('keys are sorted', () => {
  assert.strictEqual(write({ b: 1, a: 2 }), 'a: 2\nb: 1\n');
});
