'use strict';

const { createElement } = require('react');
const sideEffect = require('react-side-effect');

const last = (all) => all.map((props) => props.title).pop();

/** An element that sets the title of its page. */
const Title = sideEffect(last, () => {})(() => null);

module.exports = { titled: (title) => createElement(Title, { title }) };
