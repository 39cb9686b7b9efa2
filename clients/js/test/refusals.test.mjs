// What is not there, not ours, or does not want us: each a typed error with a sentence that says what to do.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import vm from 'node:vm';
import { Broker, connect, errorOf, eventually, name, secret, soon, subscribe } from './support.mjs';
import { FakeServer, frame } from './fake_server.mjs';

test('what is no URL of a broker throws', (t) => {
  for (const url of ['', 'message', '/message', 'ftp://host/message', 'http://']) {
    assert.throws(() => connect(t, url),
      { name: 'CrierError', code: 'bad_url', final: true, message: /wss:\/\// }, url);
  }
});

test('http: and https: are URLs of a broker too', async (t) => {
  const broker = await Broker.start(t);
  await soon(connect(t, `${broker.url.replace('ws', 'http')}#fragment`).ready);
  await soon(connect(t, new URL(broker.url)).ready);
});

const problem = (status, detail, headers = {}) => (_, response) => {
  response.writeHead(status, { 'Content-Type': 'application/problem+json', ...headers });
  response.end(JSON.stringify({ status, detail, request_id: 'r', code: undefined }));
};

for (const [status, code, words] of [[400, 'bad_request', /mended/], [401, 'unauthorized', /getToken/],
  [403, 'forbidden', /server\.origins/], [404, 'not_found', /path/], [421, 'misdirected', /server\.hosts/],
  [418, 'not_a_crier_server', /check the URL/], [200, 'not_a_crier_server', /check the URL/]]) {
  test(`HTTP ${status} is ${code}, and the end`, async (t) => {
    const server = await FakeServer.start(t, { upgrade: false, answer: problem(status, 'to be mended') });
    const crier = connect(t, server.url);
    const error = await errorOf(crier.ready);
    assert.equal(error.code, code);
    assert.equal(error.final, true);
    assert.match(error.message, words);
    assert.match(error.message, /to be mended/);
    assert.deepEqual(crier.told, [['error', error], ['closed', { error }]]);
  });
}

test('the broker itself: a wrong path, a host and an origin that it does not serve', async (t) => {
  const broker = await Broker.start(t, '[server]\nhosts = ["crier.test"]\nprotected_mode = false\n' +
    'origins = ["https://a.test"]\n');
  const path = await errorOf(connect(t, broker.url.replace('message', 'massage')).ready);
  assert.equal(path.code, 'not_found');
  const origin = await errorOf(connect(t, broker.url, { headers: { Origin: 'https://b.test' } }).ready);
  assert.equal(origin.code, 'forbidden');
  assert.match(origin.message, /server\.origins/);
  const host = await errorOf(connect(t, broker.url, { headers: { Host: 'other.test' } }).ready);
  assert.equal(host.code, 'misdirected');
  await soon(connect(t, broker.url, { headers: { Origin: 'https://a.test', Host: 'crier.test' } }).ready);
});

test('a token in the URL that is no good is refused', async (t) => {
  const broker = await Broker.start(t, `[auth.jwt]\nsecret = "${secret}"\n[server]\nhosts = ["crier.test"]\n`);
  const error = await errorOf(connect(t, `${broker.url}?token=a.b.c`).ready);
  assert.equal(error.code, 'unauthorized');
});

for (const status of [429, 503]) {
  test(`HTTP ${status} is tried again, not before Retry-After`, async (t) => {
    const answer = problem(status, 'full', { 'Retry-After': '1' });
    const server = await FakeServer.start(t, { answer, upgrade: false });
    const crier = connect(t, server.url);
    await eventually(() => crier.events('reconnecting').length === 1);
    const [{ error, delay }] = crier.events('reconnecting');
    assert.equal(error.code, status === 429 ? 'limit_exceeded' : 'unavailable');
    assert.equal(error.retryAfter, 1);
    assert.ok(delay >= 1000);
    await eventually(() => crier.events('reconnecting').length === 2);
  });
}

test('another WebSocket server is not ours', async (t) => {
  const silent = await FakeServer.start(t, { protocol: '', welcome: null });
  assert.equal((await errorOf(connect(t, silent.url).ready)).code, 'not_found');
  const echo = await FakeServer.start(t, { welcome: 'hello' });
  assert.equal((await errorOf(connect(t, echo.url).ready)).code, 'not_a_crier_server');
  const json = await FakeServer.start(t, { welcome: '{"op":"greetings"}' });
  assert.equal((await errorOf(connect(t, json.url).ready)).code, 'not_a_crier_server');
});

test('a server that does not speak HTTP is not ours', async (t) => {
  const ssh = net.createServer((socket) => socket.on('error', () => {}).end('SSH-2.0-OpenSSH_9.2\r\n'));
  ssh.listen(0, '127.0.0.1');
  t.after(() => ssh.close());
  await new Promise((resolve) => ssh.once('listening', resolve));
  const error = await errorOf(connect(t, `ws://127.0.0.1:${ssh.address().port}/message`).ready);
  assert.equal(error.code, 'not_a_crier_server');
});

test('a server that is away is tried again, with an event each time', async (t) => {
  const broker = await Broker.start(t);
  await broker.stop();
  const crier = connect(t, broker.url);
  await eventually(() => crier.events('reconnecting').length >= 3);
  assert.deepEqual([...new Set(crier.events('reconnecting').map(({ error }) => error.code))], ['unreachable']);
  assert.deepEqual(crier.events('reconnecting').slice(0, 3).map(({ attempt }) => attempt), [1, 2, 3]);
  await broker.start();
  await soon(crier.ready);
});

test('what has worked before is asked again when a stranger answers in its place', async (t) => {
  let portal = false;
  const server = await FakeServer.start(t);
  const crier = connect(t, server.url);
  await soon(crier.ready);
  server.http.removeAllListeners('upgrade');
  server.http.removeAllListeners('request');
  server.http.on('request', (_, response) => {
    portal = true;
    response.end('<html>Please sign in to the hotel</html>');
  });
  server.closeAll(1012, '');
  await eventually(() => crier.events('reconnecting').some(({ error }) => error.code === 'not_a_crier_server'));
  assert.ok(portal);
  assert.equal(crier.state, 'reconnecting');
});

test('TLS that does not verify is refused, and can be told whom to trust', async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'crier-tls-'));
  const [key, certificate] = [path.join(folder, 'key.pem'), path.join(folder, 'certificate.pem')];
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
    '-keyout', key, '-out', certificate, '-days', '2', '-subj', '/CN=crier', '-addext',
    'subjectAltName=IP:127.0.0.1'], { stdio: 'ignore' });
  const broker = await Broker.start(t, `[tls]\ncertificate = "${certificate}"\nprivate_key = "${key}"\n`);
  assert.match(broker.url, /^wss:/);
  const error = await errorOf(connect(t, broker.url).ready);
  assert.equal(error.code, 'tls_failed');
  assert.equal(error.final, true);
  assert.match(error.message, /SELF_SIGNED.*tls\.ca/);
  const server = await FakeServer.start(t);
  const plain = await errorOf(connect(t, server.url.replace('ws', 'wss')).ready);
  assert.equal(plain.code, 'tls_failed');
  const tls = { ca: readFileSync(certificate) };
  const crier = connect(t, broker.url, { tls });
  const subscription = subscribe(crier, name());
  await subscription.live;
  await crier.channel(subscription.channel).publish('x'.repeat(60_000));
  await eventually(() => subscription.datas().length === 1);
});

test('a server that breaks the protocol is left', async (t) => {
  for (const bytes of [[0xc1, 1, 65], [0x81, 0x81, 0, 0, 0, 0, 65], [0x82, 1, 65], [0x81, 1, 0xff],
    [0x81, 127, 1, 0, 0, 0, 0, 0, 0, 0]]) {
    const server = await FakeServer.start(t);
    const crier = connect(t, server.url);
    await soon(crier.ready);
    server.send(Buffer.from(bytes));
    const error = await eventually(() => crier.events('disconnected')[0]);
    assert.equal(error.code, 'protocol_error', String(bytes));
  }
});

test('an aborted signal closes', async (t) => {
  const broker = await Broker.start(t);
  const controller = new AbortController();
  const crier = connect(t, broker.url, { signal: controller.signal });
  await soon(crier.ready);
  controller.abort();
  assert.equal(crier.state, 'closed');
  const early = connect(t, broker.url, { signal: AbortSignal.abort() });
  assert.equal((await errorOf(early.ready)).code, 'closed');
});

/** The client of a page, whose WebSocket is `WebSocket`. */
function page(WebSocket, fetchAnswer = () => Promise.reject(new Error('no network'))) {
  const context = vm.createContext({ URL, AbortController, TextEncoder, setTimeout, clearTimeout, performance,
    WebSocket, fetch: fetchAnswer });
  vm.runInContext(readFileSync(new URL('../dist/crier.global.js', import.meta.url), 'utf8'), context);
  return context.Crier;
}

test('a host is asked by its own name, whatever is in it', async (t) => {
  const asked = [];
  class WebSocket {
    constructor(url) {
      asked.push(url);
      setTimeout(() => this.onclose?.({ code: 1006, reason: '' }), 1);
    }

    close() {}
  }
  const fetchAnswer = (url) => {
    asked.push(url);
    return Promise.reject(new Error('no network'));
  };
  const { connect } = page(WebSocket, fetchAnswer);
  for (const scheme of ['ws', 'http']) {
    const crier = connect(`${scheme}s://my-http-ws.example/http/ws`);
    t.after(() => crier.close());
  }
  await eventually(() => asked.length === 4);
  assert.deepEqual([...new Set(asked)].sort(),
    ['https://my-http-ws.example/http/ws', 'wss://my-http-ws.example/http/ws']);
});

test('what cannot even be tried is final, and not the fault of getToken', async () => {
  const { connect } = page(class {
    constructor() {
      throw new Error('insecure');
    }
  });
  const crier = connect('ws://crier.example/message');
  crier.on('error', () => {});
  const error = await errorOf(crier.ready);
  assert.deepEqual([error.code, error.final], ['bad_url', true]);
  assert.match(error.message, /insecure/);
});

for (const status of [400, 401, 403, 404]) {
  test(`what has worked before is asked again when somebody else answers ${status}`, async (t) => {
    const server = await FakeServer.start(t);
    const crier = connect(t, server.url);
    await soon(crier.ready);
    server.http.removeAllListeners('upgrade');
    server.http.removeAllListeners('request');
    server.http.on('request', (_, response) => response.writeHead(status).end('a gateway without a route'));
    server.closeAll(1012, '');
    await eventually(() => crier.events('reconnecting').length > 2);
    assert.equal(crier.state, 'reconnecting');
  });
}

test('nobody is sent away for a day, and a server that always drains is not stormed', async (t) => {
  const answer = problem(503, 'full', { 'Retry-After': '86400' });
  const busy = connect(t, (await FakeServer.start(t, { answer, upgrade: false })).url);
  await eventually(() => busy.events('reconnecting').length);
  assert.equal(busy.events('reconnecting')[0].delay, 300_000);
  const server = await FakeServer.start(t);
  const crier = connect(t, server.url, { backoff: { min: 20, max: 100 } });
  crier.on('connected', () => {
    server.send(frame('{"op":"drain","reconnect_in":0}'));
    server.closeAll(1012, '');
  });
  await eventually(() => crier.events('reconnecting').length === 4);
  const [first, ...others] = crier.events('reconnecting').map(({ delay }) => delay);
  assert.equal(first, 0);
  assert.ok(others.every((delay) => delay > 0), String(others));
});
