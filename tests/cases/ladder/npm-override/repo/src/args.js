'use strict';

const optimist = require('optimist');

/** The arguments as a record. */
function args(argv) {
  const { _: rest, port } = optimist.parse(argv);
  return { rest, port };
}

module.exports = { args };
