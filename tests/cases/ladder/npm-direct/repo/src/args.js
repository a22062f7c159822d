'use strict';

const parse = require('minimist');

/** The arguments as a record. */
function args(argv) {
  const { _: rest, port } = parse(argv);
  return { rest, port };
}

module.exports = { args };
