'use strict';

const assert = require('node:assert');
const test = require('node:test');

const { gently } = require('../src/gently.js');

test('two at a time', async () => {
  let now = 0;
  let most = 0;
  const doubled = await gently([1, 2, 3, 4], async (number) => {
    most = Math.max(most, ++now);
    await new Promise((resolve) => setTimeout(resolve, 5));
    now -= 1;
    return number * 2;
  });
  assert.deepStrictEqual(doubled, [2, 4, 6, 8]);
  assert.strictEqual(most, 2);
});
