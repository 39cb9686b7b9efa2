// What the tests share: a real broker, a proxy that cuts and stalls, tokens, and waiting for events.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHmac, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { connect as connectClient } from '../dist/node.js';

export const folder = fileURLToPath(new URL('..', import.meta.url));
const binary = process.env.CRIER_BIN ?? path.join(folder, '../../build/release/crier');
/** How much slower than usual the broker is. */
export const slowness = { address: 4, thread: 8 }[process.env.CRIER_TEST_SANITIZED] ?? 1;
export const scale = Number(process.env.CRIER_TEST_SCALE ?? 1);
export const patience = 15_000 * slowness;

// "Never an unhandled rejection": in none of the tests.
process.on('unhandledRejection', (reason) => {
  console.error('unhandled rejection:', reason);
  process.exitCode = 1;
  throw reason;
});

/** Resolves when `condition` holds; looked at after each turn of events. */
export async function eventually(condition, what = String(condition)) {
  const deadline = Date.now() + patience;
  for (let answer; ; await new Promise((resolve) => setTimeout(resolve, 2))) {
    if ((answer = await condition())) return answer;
    if (Date.now() > deadline) throw new Error(`not within ${patience} ms: ${what}`);
  }
}

/** What `promise` gives, but never waits for ever. */
export async function soon(promise, what = 'an event') {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not within ${patience} ms: ${what}`)), patience);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** The error that `promise` fails with. */
export async function errorOf(promise) {
  const answer = await soon(promise.then((value) => ({ value }), (error) => ({ error })));
  assert.ok(answer.error, `it did not fail: ${JSON.stringify(answer.value)}`);
  return answer.error;
}

export class Broker {
  static async start(t, config = '', flags = []) {
    const broker = new Broker(config, flags);
    t.after(() => broker.dispose());
    await broker.start();
    return broker;
  }

  constructor(config, flags) {
    this.config = config;
    this.flags = flags;
    this.port = 0;
    this.errors = '';
    this.folder = mkdtempSync(path.join(tmpdir(), 'crier-js-'));
  }

  get url() {
    return `${this.secure ? 'wss' : 'ws'}://127.0.0.1:${this.port}/message`;
  }

  /** The first time on a free port, afterwards on the same. */
  async start() {
    const file = path.join(this.folder, 'crier.toml');
    writeFileSync(file, this.config);
    this.process = spawn(binary, ['serve', '--listen', `127.0.0.1:${this.port}`, '--admin', '127.0.0.1:0',
      '--threads', '2', '--config', file, ...this.flags], { stdio: ['ignore', 'pipe', 'pipe'] });
    this.process.stderr.on('data', (text) => (this.errors += text));
    const ended = once(this.process, 'exit');
    let said = '';
    const listening = new Promise((resolve) => this.process.stdout.on('data', (text) => {
      said += text;
      const listen = /listening on (https?):\/\/127\.0\.0\.1:(\d+)\//.exec(said);
      if (!listen || !/administration on \S+\n/.test(said)) return;
      this.secure = listen[1] === 'https';
      resolve(Number(listen[2]));
    }));
    this.port = await soon(Promise.race([listening, ended.then(() => {
      throw new Error(`no broker: ${said}${this.errors}`);
    })]), 'the broker listens');
  }

  async stop(signal = 'SIGTERM') {
    if (this.process.exitCode !== null || this.process.signalCode) return;
    const ended = once(this.process, 'exit');
    this.process.kill(signal);
    await soon(ended, 'the broker ends');
  }

  async dispose() {
    await this.stop();
    assert.doesNotMatch(this.errors, /Sanitizer|runtime error:/);
    rmSync(this.folder, { recursive: true, force: true });
  }

  async post(...commands) {
    const answer = await fetch(this.url.replace('ws', 'http'), { method: 'POST', body: JSON.stringify(commands),
      headers: {
        'Content-Type': 'application/json', ...(this.key && { Authorization: `Bearer ${this.key}` }) } });
    return answer.json();
  }

  async publish(channel, ...datas) {
    return (await this.post(...datas.map((data) => ({ op: 'publish', channel, data })))).map((reply) => {
      assert.equal(reply.op, 'published', JSON.stringify(reply));
      return reply.position;
    });
  }
}

/** A client that ends with its test, and remembers what it told. */
export function connect(t, url, options = {}) {
  const crier = connectClient(url, { backoff: { min: 10, max: 200 }, ...options });
  t.after(() => crier.close());
  crier.told = [];
  for (const name of ['connected', 'disconnected', 'reconnecting', 'drain', 'error', 'closed', 'message']) {
    crier.on(name, (event) => void crier.told.push([name, event]));
  }
  crier.events = (name) => crier.told.filter(([other]) => other === name).map(([, event]) => event);
  return crier;
}

/** A subscription that remembers what it told. */
export function subscribe(crier, channel, options = {}) {
  const subscription = crier.channel(channel).subscribe(options);
  subscription.told = [];
  for (const name of ['message', 'subscribed', 'recovered', 'unrecovered', 'gap', 'join', 'leave', 'members', 'error',
    'unsubscribed']) {
    subscription.on(name, (event) => void subscription.told.push([name, event]));
  }
  subscription.events = (name) => subscription.told.filter(([other]) => other === name).map(([, event]) => event);
  subscription.datas = () => subscription.events('message').map(({ data }) => data);
  Object.defineProperty(subscription, 'live', {
    get: () => eventually(() => subscription.events('subscribed')[0], `subscribed to ${channel}`) });
  return subscription;
}

export const secret = 'a-secret-of-tests-that-no-log-may-ever-show-0123456789-abcdefghi-';

/** A token as a login would make it. */
export function token(claims, key = secret) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const exp = Math.floor(Date.now() / 1000) + 3600;
  const text = `${part({ alg: 'HS256', typ: 'JWT' })}.${part({ exp, ...claims })}`;
  return `${text}.${createHmac('sha256', key).update(text).digest('base64url')}`;
}

export const name = () => `test.${randomBytes(6).toString('hex')}`;
export const range = (count, from = 0) => Array.from({ length: count }, (_, i) => from + i);

/** Between a client and its broker: cuts after so many bytes, stalls, refuses upgrades. */
export class Proxy {
  static async start(t, broker, options = {}) {
    const proxy = new Proxy(broker, options);
    t.after(() => proxy.stop());
    proxy.server.listen(0, '127.0.0.1');
    await once(proxy.server, 'listening');
    return proxy;
  }

  /** `limits()`: bytes of the broker's that the next connection lets pass before it is cut. */
  constructor(broker, { limits = () => Infinity, upgrades = true }) {
    this.pairs = new Set();
    this.upgrades = upgrades;
    this.stalled = false;
    /** Nothing of the broker's passes. */
    this.silent = false;
    /** Nothing but its first message does. */
    this.silentAfter = false;
    this.connections = 0;
    this.refused = 0;
    this.cuts = 0;
    this.server = net.createServer((client) => this.join(client, broker, limits()));
  }

  get url() {
    return `ws://127.0.0.1:${this.server.address().port}/message`;
  }

  join(client, broker, limit) {
    this.connections++;
    const upstream = net.connect(broker.port, '127.0.0.1');
    const pair = { client, upstream };
    this.pairs.add(pair);
    const end = () => {
      this.pairs.delete(pair);
      client.destroy();
      upstream.destroy();
    };
    for (const socket of [client, upstream]) socket.on('error', end).on('close', end);
    let head = '';
    client.on('data', (chunk) => {
      if (this.stalled) return;
      if (head !== undefined && !this.upgrades) {
        head += chunk.toString('latin1');
        if (!head.includes('\r\n\r\n')) return;
        if (/^upgrade:/im.test(head)) {
          this.refused++;
          return void client.end('HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n');
        }
        chunk = Buffer.from(head, 'latin1');
        head = undefined;
      }
      upstream.write(chunk);
    });
    let passed = 0;
    upstream.on('data', (chunk) => {
      if (this.stalled || this.silent) return;
      if (this.silentAfter && pair.spoke) return;
      pair.spoke ||= chunk.includes('welcome');
      const room = limit - passed;
      passed += chunk.length;
      if (chunk.length <= room) return void client.write(chunk);
      // What has passed shall arrive: the cut is a FIN behind it, not a reset that may overtake it.
      this.cuts++;
      if (room > 0) client.end(chunk.subarray(0, room), end);
      else end();
    });
  }

  cut() {
    this.silentAfter = false;
    this.cuts += this.pairs.size;
    for (const { client, upstream } of [...this.pairs]) {
      client.destroy();
      upstream.destroy();
    }
  }

  stop() {
    this.server.close();
    this.cut();
  }
}
