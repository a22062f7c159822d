'use strict';

const assert = require('node:assert');
const test = require('node:test');

const { find } = require('../src/route.js');

test('parts of the path have names', () => {
  assert.deepStrictEqual(find('/users/:id/files/:name', '/users/7/files/a'), { id: '7', name: 'a' });
});

test('another path is none', () => {
  assert.strictEqual(find('/users/:id', '/groups/7'), null);
});
