'use strict';

const cookies = require('cookie-parser')();

/** The cookies that a request brings. */
function read(header) {
  const request = { headers: { cookie: header } };
  cookies(request, {}, () => {});
  return request.cookies;
}

module.exports = { read };
