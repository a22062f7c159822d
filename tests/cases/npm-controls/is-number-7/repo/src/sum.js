'use strict';

const isNumber = require('is-number');

/** The sum of what is a number. */
function sum(values) {
  return values.filter((value) => isNumber(value)).reduce((total, value) => total + Number(value), 0);
}

module.exports = { sum };
