'use strict';

const assert = require('node:assert');
const test = require('node:test');

const { rows } = require('../src/table.js');

test('a row has named columns', () => {
  assert.strictEqual(rows('name, age\nAda, 36\n')[0].age, '36');
});
