'use strict';

const camelCase = require('camelcase');

/** The same record with its keys in the way of JavaScript. */
function keys(record) {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [camelCase(key), value]));
}

module.exports = { keys };
