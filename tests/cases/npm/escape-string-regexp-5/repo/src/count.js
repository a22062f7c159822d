'use strict';

const quote = require('escape-string-regexp');

/** How often the text holds the word. */
function count(text, word) {
  return (text.match(new RegExp(quote(word), 'g')) ?? []).length;
}

module.exports = { count };
