'use strict';

const produce = require('immer').default;

/** The basket with one more of a thing. */
function add(basket, thing) {
  return produce(basket, (draft) => {
    draft[thing] = (draft[thing] ?? 0) + 1;
  });
}

module.exports = { add };
