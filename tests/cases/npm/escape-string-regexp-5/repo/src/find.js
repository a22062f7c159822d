'use strict';

const escape = require('escape-string-regexp');

/** Does the text hold the word, whatever its case? */
function holds(text, word) {
  return new RegExp(escape(word), 'i').test(text);
}

module.exports = { holds };
