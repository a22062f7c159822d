'use strict';

const assert = require('node:assert');
const test = require('node:test');

const { titles } = require('../src/feed.js');

test('every entry has its title', () => {
  const xml = '<feed><entry><title>One</title></entry><entry id="2"><title>Two</title></entry></feed>';
  assert.deepStrictEqual(titles(xml), ['One', 'Two']);
});
