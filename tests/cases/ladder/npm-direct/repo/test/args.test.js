'use strict';

const assert = require('node:assert');
const test = require('node:test');

const { args } = require('../src/args.js');

test('a number is read', () => {
  assert.deepStrictEqual(args(['--port', '80', 'x']), { rest: ['x'], port: 80 });
});
