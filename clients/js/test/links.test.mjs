// What ends a link, and what follows.

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { Broker, Proxy, connect, eventually, folder, name, slowness, soon, subscribe } from './support.mjs';
import { FakeServer } from './fake_server.mjs';

const keep = '[namespace.default]\nhistory = { messages = 1000, age = "1h" }\n';

test('a restart is announced, and the client comes back at once and resumes', async (t) => {
  const state = mkdtempSync(path.join(tmpdir(), 'crier-state-'));
  const broker = await Broker.start(t, `${keep}[server]\ndrain_timeout = "1s"\n`, ['--state-dir', state]);
  const crier = connect(t, broker.url);
  const channel = name();
  const subscription = subscribe(crier, channel);
  await subscription.live;
  await broker.publish(channel, 1);
  await eventually(() => subscription.datas().length === 1);
  await broker.stop();
  await broker.start();
  await broker.publish(channel, 2);
  await eventually(() => subscription.datas().length === 2);
  assert.deepEqual(subscription.datas(), [1, 2]);
  assert.ok(crier.events('drain')[0].reconnect_in >= 0);
  assert.equal(crier.events('disconnected')[0].code, 'restarting');
  assert.equal(crier.events('reconnecting')[0].delay, 0, 'the first attempt waits for nothing');
  assert.equal(subscription.events('recovered').length, 1);
});

test('a broker that has lost its history says so, and so does the subscription', async (t) => {
  const broker = await Broker.start(t, keep);
  const crier = connect(t, broker.url);
  const subscription = subscribe(crier, name(), { last: 5 });
  await subscription.live;
  await broker.publish(subscription.channel, 1, 2);
  await eventually(() => subscription.datas().length === 2);
  const since = subscription.position;
  await broker.stop('SIGKILL');
  await broker.start();
  const [position] = await broker.publish(subscription.channel, 3);
  await eventually(() => subscription.datas().length === 3);
  const [unrecovered] = subscription.events('unrecovered');
  assert.equal(unrecovered.since, since);
  assert.equal(subscription.position, position);
  assert.equal(subscription.events('recovered').length, 0);
});

test('channels without history have no positions, and every cut is told', async (t) => {
  const broker = await Broker.start(t, '[namespace.bare]\nhistory = { messages = 0 }\n');
  const proxy = await Proxy.start(t, broker);
  const crier = connect(t, proxy.url);
  const bare = subscribe(crier, `bare:${name()}`);
  const pattern = subscribe(crier, 'bare:test.>');
  await Promise.all([bare.live, pattern.live]);
  await broker.publish(bare.channel, 1);
  await eventually(() => bare.datas().length === 1 && pattern.datas().length === 1);
  assert.equal(bare.position, undefined);
  assert.equal(pattern.events('message')[0].pattern, 'bare:test.>');
  proxy.cut();
  await eventually(() => bare.events('unrecovered').length && pattern.events('unrecovered').length);
  assert.equal(bare.events('unrecovered')[0].position, undefined);
  await broker.publish(bare.channel, 2);
  await eventually(() => bare.datas().length === 2 && pattern.datas().length === 2);
});

test('a link that has died is found by its silence', async (t) => {
  const broker = await Broker.start(t);
  const proxy = await Proxy.start(t, broker);
  const crier = connect(t, proxy.url, { heartbeat: 100, timeout: 300 * slowness });
  const subscription = subscribe(crier, name());
  await subscription.live;
  proxy.stalled = true;
  await eventually(() => crier.events('disconnected').length);
  assert.equal(crier.events('disconnected')[0].code, 'heartbeat_timeout');
  proxy.stalled = false;
  await eventually(() => subscription.events('recovered').length);
});

test('a quiet link that lives is kept', async (t) => {
  const broker = await Broker.start(t);
  const crier = connect(t, broker.url, { heartbeat: 20, timeout: 5000 });
  await crier.ready;
  await new Promise((resolve) => setTimeout(resolve, 400));
  assert.equal(crier.state, 'connected');
  assert.equal(crier.events('disconnected').length, 0);
});

for (const [code, name, final] of [[1002, 'protocol_error', true], [1003, 'protocol_error', true],
  [1007, 'protocol_error', true], [1008, 'protocol_error', true], [1009, 'too_large', true],
  [4001, 'unauthorized', true], [4003, 'disconnected', true], [4002, 'token_expired', true],
  [1000, 'connection_lost', false], [1001, 'connection_lost', false], [1011, 'connection_lost', false],
  [1012, 'restarting', false], [1013, 'unavailable', false], [4000, 'slow_consumer', false],
  [4004, 'rate_limited', false], [4005, 'heartbeat_timeout', false]]) {
  test(`close code ${code} is ${name}, and ${final ? 'the end' : 'the client comes back'}`, async (t) => {
    const server = await FakeServer.start(t);
    const crier = connect(t, server.url);
    await crier.ready;
    server.closeAll(code, 'a reason');
    await eventually(() => crier.events(final ? 'closed' : 'reconnecting').length);
    const [error] = crier.events('disconnected');
    assert.equal(error.code, name);
    assert.match(error.message, /a reason/);
    if (final) {
      assert.equal(crier.state, 'closed');
      assert.equal(crier.events('error')[0].code, name);
      await assert.rejects(crier.ready, { code: name });
    } else {
      await crier.ready;
    }
  });
}

test('a stranger that answers `Upgrade` with silence is given up after `timeout`, and asked again', async (t) => {
  const silent = net.createServer(() => {}).listen(0, '127.0.0.1');
  t.after(() => silent.close());
  await new Promise((resolve) => silent.once('listening', resolve));
  const sockets = new Set();
  silent.on('connection', (socket) => sockets.add(socket.on('error', () => {})));
  t.after(() => sockets.forEach((socket) => socket.destroy()));
  const crier = connect(t, `ws://127.0.0.1:${silent.address().port}/message`, { timeout: 100 });
  await eventually(() => crier.events('reconnecting').length === 2);
  assert.deepEqual(crier.events('reconnecting').map(({ error }) => error.code), ['unreachable', 'unreachable']);
});

test('nothing keeps a process alive that has closed its connection', (t) => {
  const script = `import { connect } from 'crier-client';
    const crier = connect('ws://127.0.0.1:9/message');
    crier.channel('a').subscribe();
    crier.on('reconnecting', () => crier.close());`;
  execFileSync(process.execPath, ['--input-type=module', '-e', script],
    { cwd: path.join(import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname), '..'), timeout: 20_000 });
});

test('who closes while it connects, or asks why it cannot, is let go at once', async (t) => {
  const silent = net.createServer((socket) => {
    socket.on('error', () => {});
    // The upgrade is refused; the question why has no answer.
    socket.once('data', (text) => `${text}`.includes('Upgrade') && socket.end('HTTP/1.1 502 No\r\n\r\n'));
  }).listen(0, '127.0.0.1');
  t.after(() => silent.close());
  await once(silent, 'listening');
  const script = `import { connect } from 'crier-client';
    const crier = connect('ws://127.0.0.1:${silent.address().port}/message', { timeout: 3600000 });
    process.stdin.once('data', () => crier.close());`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { cwd: folder,
    stdio: ['pipe', 'inherit', 'inherit'] });
  t.after(() => child.kill());
  const ended = once(child, 'exit');
  let asked = 0;
  await soon(new Promise((resolve) => silent.on('connection', () => ++asked === 2 && resolve())));
  child.stdin.end('close');
  assert.equal((await soon(ended, 'the process ends'))[0], 0);
});

test('`ready` rejects once it is closed, also where it was ready', async (t) => {
  const crier = connect(t, (await FakeServer.start(t)).url);
  await crier.ready;
  crier.close();
  await assert.rejects(crier.ready, { code: 'closed' });
});

test('events that wake a page do not put off finding a dead link', async (t) => {
  const wake = new Set();
  globalThis.addEventListener ??= (name, listener) => wake.add(listener);
  t.after(() => delete globalThis.addEventListener);
  const broker = await Broker.start(t, '');
  const proxy = await Proxy.start(t, broker);
  const crier = connect(t, proxy.url, { timeout: 500 * slowness });
  await crier.ready;
  proxy.stalled = true;
  const timer = setInterval(() => wake.forEach((listener) => listener()), 50);
  t.after(() => clearInterval(timer));
  await eventually(() => crier.events('disconnected').length);
  assert.equal(crier.events('disconnected')[0].code, 'heartbeat_timeout');
});

test('a backoff that is no number is no storm', async (t) => {
  const free = net.createServer().listen(0, '127.0.0.1');
  await once(free, 'listening');
  const { port } = free.address();
  free.close();
  const crier = connect(t, `ws://127.0.0.1:${port}/message`, { backoff: { min: 'fast' } });
  await eventually(() => crier.events('reconnecting').length);
  assert.equal(crier.events('reconnecting')[0].delay, 1000);
});
