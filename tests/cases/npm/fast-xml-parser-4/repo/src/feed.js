'use strict';

const parser = require('fast-xml-parser');

/** The titles in a feed. */
function titles(xml) {
  const { feed } = parser.parse(xml, { ignoreAttributes: true });
  return [].concat(feed.entry ?? []).map((entry) => entry.title);
}

module.exports = { titles };
