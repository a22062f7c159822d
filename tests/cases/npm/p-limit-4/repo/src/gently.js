'use strict';

const limit = require('p-limit');

/** Does a job for every thing, two at a time. */
function gently(things, job) {
  const two = limit(2);
  return Promise.all(things.map((thing) => two(() => job(thing))));
}

module.exports = { gently };
