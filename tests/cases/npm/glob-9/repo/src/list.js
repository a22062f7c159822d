'use strict';

const glob = require('glob');

/** The notes below a directory, sorted. */
function notes(dir) {
  return new Promise((resolve, reject) => {
    glob('**/*.txt', { cwd: dir }, (error, paths) => {
      if (error) reject(error);
      else resolve(paths.sort());
    });
  });
}

module.exports = { notes };
