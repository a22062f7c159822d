'use strict';

const { pathToRegexp } = require('path-to-regexp');

/** What a route's pattern finds in a path, or nothing. */
function find(pattern, path) {
  const keys = [];
  const found = pathToRegexp(pattern, keys).exec(path);
  return found && Object.fromEntries(keys.map((key, index) => [key.name, found[index + 1]]));
}

module.exports = { find };
