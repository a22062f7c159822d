'use strict';

const yaml = require('js-yaml');

/** Settings from their text. */
function read(text) {
  return yaml.safeLoad(text);
}

/** The text of settings. */
function write(settings) {
  return yaml.safeDump(settings, { sortKeys: true });
}

module.exports = { read, write };
