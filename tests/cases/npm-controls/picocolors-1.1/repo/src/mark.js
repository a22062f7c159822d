'use strict';

const { createColors } = require('picocolors');

/** A text that stands out. */
function mark(text) {
  return createColors(true).bold(text);
}

module.exports = { mark };
