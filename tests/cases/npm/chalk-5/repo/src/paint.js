'use strict';

const chalk = require('chalk');

const paint = new chalk.Instance({ level: 1 });

/** A line of a report: green when it is good, red when it is not. */
function line(good, text) {
  return good ? paint.green(text) : paint.red(text);
}

module.exports = { line };
