'use strict';

const left = require('left');

/** The text, moved to the left. */
const side = (text) => left(text);

module.exports = { side };
