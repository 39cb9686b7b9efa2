// What the tests in a real browser share: one Chromium for all tests of a file, and a server of pages that have the
// library, by its module or by a plain script.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { after } from 'node:test';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { patience } from '../../../clients/js/test/support.mjs';

export const flags = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage',
  '--host-resolver-rules=MAP evil.test 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost'];

const distribution = fileURLToPath(new URL('../../../clients/js/dist/', import.meta.url));
const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: flags, timeout: 60_000 });
after(() => browser.close());

// In the page: a connection, or a subscription, that writes down what it tells.
const watch = `
  window.watch = (emitter) => {
    emitter.told = [];
    for (const name of ['connected', 'disconnected', 'reconnecting', 'drain', 'closed', 'message', 'subscribed',
      'recovered', 'unrecovered', 'gap', 'join', 'leave', 'members', 'error', 'unsubscribed']) {
      emitter.on(name, (event) => { emitter.told.push([name, event]); });
    }
    emitter.events = (name) => emitter.told.filter(([other]) => other === name).map(([, event]) => event);
    return emitter;
  };
  // What it tells first, also when that has been already.
  window.first = async (emitter, name) => {
    await eventually(() => emitter.events(name).length);
    return emitter.events(name)[0];
  };
  window.eventually = async (condition) => {
    const deadline = performance.now() + ${patience};
    for (let answer; ; await new Promise((resolve) => setTimeout(resolve, 5))) {
      if ((answer = await condition())) return answer;
      if (performance.now() > deadline) throw new Error('not in time: ' + condition);
    }
  };
  window.plain = ({ code, message, final, retryAfter }) => ({ code, message, final, retryAfter });`;

const script = (body) => `<!doctype html><title>page</title><link rel="icon" href="data:,"><body>${body}`;
const documents = {
  '/module': script(`<script type="module">import * as it from '/crier.js'; window.Crier = it; ${watch}</script>`),
  '/plain': script(`<script src="/crier.global.js"></script><script>${watch}</script>`),
};

function forward(broker, request, response) {
  const { method, headers, url: path } = request;
  request.pipe(http.request({ host: '127.0.0.1', port: broker.port, method, headers, path }, (answer) => {
    answer.pipe(response.writeHead(answer.statusCode, answer.headers));
  }).on('error', () => response.writeHead(502).end()));
}

/** Pages on an origin of their own; `answer(request, response)` gets what neither `more` nor we know. With a broker,
 *  /message is its, as behind a proxy: returns the origin and a function that cuts all that passes there. */
export async function servePages(t, { answer = (_, response) => response.writeHead(404).end('nothing here'), more = {},
  broker } = {}) {
  const server = http.createServer((request, response) => {
    const path = request.url.split('?')[0];
    const page = documents[path] ?? more[path];
    response.setHeader('content-type', path.endsWith('.js') ? 'text/javascript' : 'text/html');
    if (broker && path === '/message') return forward(broker, request, response);
    if (page !== undefined) return void response.end(page);
    if (/^\/[\w.]+\.js$/.test(path)) return void response.end(readFileSync(distribution + path));
    return void answer(request, response);
  });
  const passing = new Set();
  const cut = () => passing.forEach((socket) => socket.destroy());
  if (broker) server.on('upgrade', (request, socket) => {
    const upstream = net.connect(broker.port, '127.0.0.1');
    for (const [one, other] of [[socket, upstream], [upstream, socket]]) {
      passing.add(one);
      one.on('error', () => {}).on('close', () => {
        passing.delete(one);
        other.destroy();
      }).pipe(other);
    }
    const names = request.rawHeaders.filter((_, i) => i % 2 === 0);
    const lines = names.map((name, i) => `${name}: ${request.rawHeaders[2 * i + 1]}\r\n`);
    upstream.write(`GET ${request.url} HTTP/1.1\r\n${lines.join('')}\r\n`);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    server.closeAllConnections();
    cut();
  });
  return { origin: `http://127.0.0.1:${server.address().port}`, cut };
}

/** A page that may not fail by itself: what nobody catches fails the test. `expected` matches noise that is meant. */
export async function openPage(t, url, { expected, ...options } = {}) {
  const context = await browser.newContext(options);
  context.setDefaultTimeout(patience);
  const page = await context.newPage();
  const faults = [];
  page.on('pageerror', (error) => faults.push(String(error.stack)));
  page.on('console', (message) => {
    // A browser writes about each connection that fails, whoever handles it, and about what a page still says to one
    // that is closing, as at the end of a test.
    const failed = /^(WebSocket (connection to|is already in)|Failed to load resource|Access to fetch at)/
      .test(message.text());
    if (message.type() === 'error' && !failed) faults.push(message.text());
  });
  t.after(async () => {
    await context.close();
    assert.deepEqual(faults.filter((fault) => !expected?.test(fault)), []);
  });
  await page.goto(url);
  if (/\/(module|plain)$/.test(url)) await page.waitForFunction(() => window.Crier && window.watch);
  return page;
}
