'use strict';

const assert = require('node:assert');
const test = require('node:test');

const { page } = require('../src/page.js');

test('the page greets', () => {
  assert.strictEqual(page('Ada'), '<h1>Hello Ada</h1>');
});
