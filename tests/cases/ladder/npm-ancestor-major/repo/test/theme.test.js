'use strict';

const assert = require('node:assert');
const test = require('node:test');

const { theme } = require('../src/theme.js');

test('the chosen theme', () => {
  assert.strictEqual(theme('theme=dark'), 'dark');
  assert.strictEqual(theme(''), 'light');
});
