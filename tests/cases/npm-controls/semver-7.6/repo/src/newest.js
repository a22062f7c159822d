'use strict';

const semver = require('semver');

/** The newest version that a range allows. */
function newest(versions, range) {
  return semver.maxSatisfying(versions, range);
}

module.exports = { newest };
