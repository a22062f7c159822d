'use strict';

const assert = require('node:assert');
const test = require('node:test');

const { Bus } = require('../dist/bus.js');

test('who listens hears', () => {
  const heard = [];
  const bus = new Bus();
  bus.listen((thing) => heard.push(thing));
  bus.tell('pear');
  assert.deepStrictEqual(heard, ['pear']);
});
