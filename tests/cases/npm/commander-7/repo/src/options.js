'use strict';

const { Command } = require('commander');

/** What the arguments of a copy say. */
function options(argv) {
  const program = new Command();
  program.option('-f, --force').option('--to <place>', 'where to', 'here');
  program.parse(argv, { from: 'user' });
  return { force: program.force === true, to: program.to };
}

module.exports = { options };
