'use strict';

const serve = require('serve-static');

/** What answers for the files of a directory. */
function files(dir) {
  return serve(dir, { index: false });
}

module.exports = { files };
