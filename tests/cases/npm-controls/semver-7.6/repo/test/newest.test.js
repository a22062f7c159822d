'use strict';

const assert = require('node:assert');
const test = require('node:test');

const { newest } = require('../src/newest.js');

test('the newest of the range', () => {
  assert.strictEqual(newest(['1.2.0', '1.10.0', '2.0.0'], '^1.0.0'), '1.10.0');
});
