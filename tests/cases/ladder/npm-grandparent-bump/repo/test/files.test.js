'use strict';

const assert = require('node:assert');
const http = require('node:http');
const test = require('node:test');

const { files } = require('../src/files.js');

test('a file is answered', async () => {
  const answer = files(__dirname);
  const server = http.createServer((request, response) => answer(request, response, () => response.end('none')));
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  const reply = await fetch(`http://127.0.0.1:${port}/files.test.js`);
  assert.match(await reply.text(), /a file is answered/);
  server.closeAllConnections();
  server.close();
});
