'use strict';

const assert = require('node:assert');
const path = require('node:path');
const test = require('node:test');

const { notes } = require('../src/list.js');

test('all notes are found', async () => {
  assert.deepStrictEqual(await notes(path.join(__dirname, '..', 'notes')), ['a.txt', 'deep/b.txt']);
});
