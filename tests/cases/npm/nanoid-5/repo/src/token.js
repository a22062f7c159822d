'use strict';

const { customAlphabet } = require('nanoid/async');

const letters = customAlphabet('ABCDEFGH', 6);

/** A short word that nobody guesses soon. */
async function word() {
  return letters();
}

module.exports = { word };
