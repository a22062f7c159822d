'use strict';

const Cookies = require('universal-cookie');

/** The theme that a visitor chose. */
function theme(header) {
  return new Cookies(header).get('theme') ?? 'light';
}

module.exports = { theme };
