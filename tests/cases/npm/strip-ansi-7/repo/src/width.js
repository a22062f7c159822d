'use strict';

const stripAnsi = require('strip-ansi');

/** How many columns a coloured text takes. */
function width(text) {
  return stripAnsi(text).length;
}

module.exports = { width };
