'use strict';

const random = require('uuid/v4');
const named = require('uuid/v5');

/** A new id. */
function fresh() {
  return random();
}

/** The id that belongs to an address. */
function of(address) {
  return named(address, named.URL);
}

module.exports = { fresh, of };
