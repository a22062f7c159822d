import assert from 'node:assert';
import test from 'node:test';

import { forget, pages } from '../src/cache.js';

test('the oldest is forgotten', () => {
  const cache = pages(1);
  cache.set('a', 1);
  cache.set('b', 2);
  assert.strictEqual(cache.get('a'), undefined);
  assert.strictEqual(cache.get('b'), 2);
});

test('everything can be forgotten', () => {
  const cache = pages(2);
  cache.set('a', 1);
  forget(cache);
  assert.strictEqual(cache.has('a'), false);
});
