'use strict';

const assert = require('node:assert');
const test = require('node:test');

const { keys } = require('../src/keys.js');

test('keys are in camel case', () => {
  assert.deepStrictEqual(keys({ first_name: 'Ada', 'born-in': 1815 }), { firstName: 'Ada', bornIn: 1815 });
});
