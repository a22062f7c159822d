'use strict';

const Ajv = require('ajv');

const person = new Ajv({ allErrors: true }).compile({
  type: 'object',
  required: ['name'],
  properties: { name: { type: 'string' }, age: { type: 'integer', minimum: 0 } },
});

/** The fields of a person that are wrong. */
function wrong(data) {
  return person(data) ? [] : person.errors.map((error) => error.dataPath.slice(1));
}

module.exports = { wrong };
