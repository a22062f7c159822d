'use strict';

const parse = require('csv-parse/lib/sync');

/** The rows of a table, by the names of its columns. */
function rows(text) {
  return parse(text, { columns: true, trim: true });
}

module.exports = { rows };
