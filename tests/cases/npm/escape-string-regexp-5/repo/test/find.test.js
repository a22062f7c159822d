'use strict';

const assert = require('node:assert');
const test = require('node:test');

const { count } = require('../src/count.js');
const { holds } = require('../src/find.js');

test('a dot is only a dot', () => {
  assert.ok(holds('Version 1.2', '1.2'));
  assert.ok(!holds('Version 1x2', '1.2'));
});

test('every place counts', () => {
  assert.strictEqual(count('a+b a+b aab', 'a+b'), 2);
});
