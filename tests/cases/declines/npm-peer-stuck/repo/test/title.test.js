'use strict';

const assert = require('node:assert');
const test = require('node:test');

const { titled } = require('../src/title.js');

test('the title is kept', () => {
  assert.strictEqual(titled('x').props.title, 'x');
});
