'use strict';

const { Command } = require('commander');

/** What the arguments of a copy say. */
function options(argv) {
  return new Command().option('-f, --force').parse(argv, { from: 'user' }).opts();
}

module.exports = { options };
