'use strict';

const mime = require('mime');

/** The type of a file, by its name. */
function type(name) {
  return mime.lookup(name, 'application/octet-stream');
}

module.exports = { type };
