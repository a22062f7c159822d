'use strict';

const { createElement } = require('react');
const { renderToStaticMarkup } = require('react-dom/server');

/** A page that greets. */
function page(name) {
  return renderToStaticMarkup(createElement('h1', null, 'Hello ', name));
}

module.exports = { page };
