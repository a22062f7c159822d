import LRU from 'lru-cache';

/** A cache of pages that forgets the oldest, and all after a minute. */
export function pages(most) {
  return new LRU({ max: most, maxAge: 60_000 });
}

/** Forgets everything. */
export function forget(cache) {
  cache.reset();
}
