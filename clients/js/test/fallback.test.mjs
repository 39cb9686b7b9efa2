// Where no WebSocket gets through: event streams and POST, with the same promises.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import vm from 'node:vm';
import {
  Broker, Proxy, connect, errorOf, eventually, name, range, secret, slowness, soon, subscribe, token,
} from './support.mjs';
import { FakeServer } from './fake_server.mjs';

const keep = '[namespace.default]\nhistory = { messages = 1000, age = "1h" }\n' +
  '[namespace.bare]\nhistory = { messages = 0 }\n';

async function blocked(t, config = keep, options = {}) {
  const broker = await Broker.start(t, config);
  const proxy = await Proxy.start(t, broker, { upgrades: false });
  const crier = connect(t, proxy.url, { fallback: { after: 2 }, ...options });
  return { broker, proxy, crier };
}

test('where upgrades are refused, everything goes over an event stream and POST', async (t) => {
  const { broker, crier } = await blocked(t);
  const channel = name();
  const positions = await broker.publish(channel, 'one', 'two', 'three');
  const subscription = subscribe(crier, channel, { last: 2, presence: true });
  await subscription.live;
  assert.equal(crier.events('connected')[0].transport, 'sse');
  assert.deepEqual(crier.events('reconnecting').map(({ error }) => error.code), Array(2).fill('websocket_blocked'));
  const answers = await Promise.all(range(20).map((i) => crier.channel(channel).publish(i, { key: `key-${i}` })));
  await eventually(() => subscription.datas().length === 22);
  assert.deepEqual(subscription.datas(), ['two', 'three', ...range(20)]);
  assert.equal(subscription.position, answers.at(-1).position);
  await eventually(() => subscription.events('members').length);
  assert.equal(subscription.events('members')[0].count, 1);
  assert.equal((await crier.channel(channel).presence()).members[0].session, crier.session);
  const page = await crier.channel(channel).history({ since: positions[0], limit: 2 });
  assert.deepEqual(page.messages.map(({ data }) => data), ['two', 'three']);
});

test('a stream that is cut, and one with another set of channels, resume each channel', async (t) => {
  const { broker, proxy, crier } = await blocked(t);
  const first = subscribe(crier, name());
  await first.live;
  await broker.publish(first.channel, 1, 2);
  await eventually(() => first.datas().length === 2);
  const second = subscribe(crier, name());
  await second.live;
  proxy.cut();
  await broker.publish(first.channel, 3);
  await broker.publish(second.channel, 'a');
  await eventually(() => first.datas().length === 3 && second.datas().length === 1);
  second.unsubscribe();
  await broker.publish(first.channel, 4);
  await eventually(() => first.datas().length === 4);
  assert.deepEqual(first.datas(), [1, 2, 3, 4]);
  assert.deepEqual([...first.events('unrecovered'), ...second.events('unrecovered')], []);
});

test('what is published behind a subscribe comes back, as on a WebSocket', async (t) => {
  const { crier } = await blocked(t);
  await crier.ready;
  const channel = name();
  const subscription = subscribe(crier, channel);
  await crier.channel(channel).publish('behind');
  await eventually(() => subscription.datas().length);
  assert.deepEqual(subscription.datas(), ['behind']);
});

test('a subscription that is changed while messages come loses none', async (t) => {
  const { broker, crier } = await blocked(t);
  const channel = name();
  const seen = [];
  let position;
  const begin = () => crier.channel(channel).subscribe({ since: position }, (message) => {
    seen.push(message.data);
    ({ position } = message);
  });
  let subscription = begin();
  await eventually(() => subscription.position);
  ({ position } = subscription);
  let count = 0;
  for (let turn = 0; turn < 25; turn++) {
    const { length } = seen;
    while (seen.length === length) await broker.publish(channel, count++, count++);
    subscription.unsubscribe();
    subscription = begin();
  }
  const first = subscription;
  // Members take another subscription of the wire.
  const watching = subscribe(crier, channel, { presence: true });
  await broker.publish(channel, count++);
  await watching.live;
  await broker.publish(channel, count++);
  await eventually(() => seen.length >= count && first.position);
  assert.deepEqual(seen, range(count));
});

test('any number of commands wait, and each is answered', async (t) => {
  const { broker, crier } = await blocked(t, keep, { offlineQueue: { count: 5000 } });
  const channel = name();
  await soon(Promise.all(range(2500).map((i) => crier.channel(channel).publish(i))));
  const [{ position }] = await broker.post({ op: 'history', channel, limit: 1 });
  assert.match(position, /:2500$/);
});

test('what is too large together goes one by one, and what is too large alone is refused alone', async (t) => {
  const { crier } = await blocked(t, '[limits]\nincoming_bytes_max = "16KiB"\n' +
    '[namespace.default]\nmessage_bytes_max = "4KiB"\n');
  await crier.ready;
  const publish = (length) => crier.channel('a').publish('x'.repeat(length));
  // The first goes at once, the others together.
  const answers = range(40).map(() => publish(1000));
  const large = errorOf(publish(20_000));
  answers.push(publish(1000));
  await soon(Promise.all(answers));
  assert.equal((await large).code, 'too_large');
});

test('a message may have any character', async (t) => {
  const { broker, crier } = await blocked(t);
  const subscription = subscribe(crier, name());
  await subscription.live;
  await broker.publish(subscription.channel, 'a\u2028b\u2029c', 'after');
  await eventually(() => subscription.datas().length === 2);
  assert.deepEqual(subscription.datas(), ['a\u2028b\u2029c', 'after']);
});

test('what somebody else says in the place of a broker passes', async (t) => {
  const strange = [404, 403, 401, 400];
  const server = await FakeServer.start(t, { upgrade: false, answer: (request, response) => {
    const status = request.method === 'POST' ? strange.shift() : 426;
    if (status) response.writeHead(status).end(status === 426 ? 'This is a Crier endpoint.' : 'a portal');
    else response.end('{"op":"pong"}');
  } });
  await soon(connect(t, server.url, { fallback: { after: 1 } }).ready);
  assert.deepEqual(strange, []);
});

test('a POST that is swallowed holds up nobody for longer than `timeout`', async (t) => {
  let swallowed = 0;
  const server = await FakeServer.start(t, { upgrade: false, answer: async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    if (request.method !== 'POST') return response.writeHead(426).end('This is a Crier endpoint.');
    const { op, id } = JSON.parse(body);
    if (op === 'publish' && !swallowed++) return undefined;
    return response.end(JSON.stringify(op === 'ping' ? { op: 'pong' } : { op: 'published', id }));
  } });
  const crier = connect(t, server.url, { fallback: { after: 1 }, timeout: 200 * slowness });
  await crier.ready;
  const bare = errorOf(crier.channel('a').publish(1));
  await soon(crier.channel('a').publish(2, { key: 'k' }));
  assert.equal((await bare).code, 'timeout');
});

test('who was refused on the stream for want of room is there when a WebSocket is', async (t) => {
  const { proxy, crier } = await blocked(t, keep, { fallback: { after: 1, retry: 100 } });
  const all = range(33).map(() => subscribe(crier, name()));
  await eventually(() => all[32].events('error').length);
  assert.equal(all[32].events('error')[0].final, false);
  await all[31].live;
  // Whatever is on its way is answered before the change, and the stream's own cuts do not keep us from it.
  const answers = [];
  const publishing = setInterval(() => answers.push(crier.channel('a').publish(1)), 1);
  t.after(() => clearInterval(publishing));
  proxy.upgrades = true;
  await eventually(() => crier.events('connected').at(-1).transport === 'websocket');
  clearInterval(publishing);
  await Promise.all(answers);
  await all[32].live;
});

test('a WebSocket is also found where no stream lives for long', async (t) => {
  const { proxy, crier } = await blocked(t, keep, { fallback: { after: 1, retry: 300 } });
  await crier.ready;
  proxy.upgrades = true;
  await eventually(() => {
    const home = crier.events('connected').at(-1).transport === 'websocket';
    if (!home && crier.state === 'connected') proxy.cut();
    return home;
  });
});

test('who is sent off a channel is told, and does not come back', async (t) => {
  const { broker, crier } = await blocked(t);
  const [one, other] = [subscribe(crier, name()), subscribe(crier, name())];
  await Promise.all([one.live, other.live]);
  const { members: [{ session }] } = await eventually(async () => {
    const [reply] = await broker.post({ op: 'presence', channel: one.channel });
    return reply.count && reply;
  });
  await broker.post({ op: 'kick', channel: one.channel, session });
  await eventually(() => one.events('unsubscribed').length);
  assert.equal(one.events('unsubscribed')[0].code, 'forbidden');
  await subscribe(crier, name()).live;
  assert.equal((await broker.post({ op: 'presence', channel: one.channel }))[0].count, 0);
  assert.deepEqual(other.events('error'), []);
});

test('one channel that may not be is refused alone, and so is the thirty-third', async (t) => {
  const { broker, crier } = await blocked(t, `${keep}[namespace.closed]\nsubscribe = "nobody"\n`);
  const good = subscribe(crier, name());
  await good.live;
  const bad = [subscribe(crier, 'closed:a'), subscribe(crier, 'no name')];
  const between = subscribe(crier, name());
  await eventually(() => bad.every((each) => each.events('error').length));
  await between.live;
  between.unsubscribe();
  assert.deepEqual(bad.map((each) => each.events('error')[0].final), [true, true]);
  const many = range(32).map((i) => subscribe(crier, `${good.channel}.${i}`));
  await eventually(() => many[31].events('error').length);
  assert.equal(many[31].events('error')[0].code, 'limit_exceeded');
  assert.match(many[31].events('error')[0].message, /32/);
  await many[30].live;
  await broker.publish(good.channel, 1);
  await broker.publish(many[30].channel, 2);
  await eventually(() => good.datas().length && many[30].datas().length);
});

test('without echo, patterns, errors: the commands mean the same', async (t) => {
  const { broker, crier } = await blocked(t, `${keep}[namespace.closed]\npublish = "nobody"\n`);
  const root = name();
  const [exact, pattern] = [subscribe(crier, `${root}.a`), subscribe(crier, `${root}.>`)];
  await Promise.all([exact.live, pattern.live]);
  await crier.channel(`${root}.a`).publish('silent', { echo: false });
  await crier.channel(`${root}.a`).publish('loud');
  await eventually(() => exact.datas().length && pattern.datas().length);
  assert.deepEqual([exact.datas(), pattern.datas()], [['loud'], ['loud']]);
  assert.equal((await errorOf(crier.channel('closed:a').publish(1))).code, 'forbidden');
  const results = await crier.broadcast([`${root}.a`, 'closed:a'], 2);
  assert.deepEqual(results.map(({ code }) => code), [undefined, 'forbidden']);
  const large = await errorOf(crier.channel('a').publish('x'.repeat(2 * 1024 * 1024)));
  assert.equal(large.code, 'too_large');
  assert.equal(crier.events('disconnected').length, 0);
  assert.ok((await broker.publish('a', 1))[0]);
});

test('a dead stream is found, a restart resumed', async (t) => {
  const broker = await Broker.start(t, `${keep}[server]\ndrain_timeout = "1s"\n`);
  const proxy = await Proxy.start(t, broker, { upgrades: false });
  const crier = connect(t, proxy.url, { fallback: { after: 1 } });
  const subscription = subscribe(crier, name());
  await subscription.live;
  await broker.publish(subscription.channel, 1);
  await eventually(() => subscription.datas().length === 1);
  await broker.stop();
  await eventually(() => crier.events('disconnected').length);
  await broker.start();
  await broker.publish(subscription.channel, 2);
  await eventually(() => subscription.events('unrecovered').length);
  const before = subscription.datas().length;
  await broker.publish(subscription.channel, 3);
  await eventually(() => subscription.datas().length === before + 1);
  assert.equal(crier.events('connected').at(-1).transport, 'sse');
});

test('a WebSocket is tried from time to time, and taken when it gets through', async (t) => {
  const { broker, proxy, crier } = await blocked(t, keep, { fallback: { after: 1, retry: 100 } });
  const subscription = subscribe(crier, name());
  await subscription.live;
  await broker.publish(subscription.channel, 1);
  await eventually(() => subscription.datas().length === 1);
  const { refused } = proxy;
  await eventually(() => proxy.refused > refused + 1);
  assert.equal(crier.events('disconnected').length, 0, 'trying disturbs nobody');
  proxy.upgrades = true;
  await eventually(() => crier.events('connected').at(-1).transport === 'websocket');
  await broker.publish(subscription.channel, 2);
  await eventually(() => subscription.datas().length === 2);
  assert.equal(crier.events('disconnected')[0].code, 'websocket_back');
  assert.equal(subscription.events('recovered').length, 1);
});

test('members come as lists from time to time', async (t) => {
  let stream;
  const server = await FakeServer.start(t, { upgrade: false, answer: async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    if (request.headers.accept === 'text/event-stream' && request.method === 'GET' && request.url.includes('channel')) {
      stream = response;
      response.writeHead(200, { 'Content-Type': 'text/event-stream' });
      const events = [{ op: 'welcome', session: 's', heartbeat: 25, limits: {} }, { op: 'subscribed', channel: 'a' }];
      for (const event of events) response.write(`event: ${event.op}\ndata: ${JSON.stringify(event)}\n\n`);
    } else if (request.method === 'POST') {
      const { op, id } = JSON.parse(body);
      assert.ok(op, `nothing else is asked for: ${body}`);
      response.end(JSON.stringify(op === 'ping' ? { op: 'pong' } :
        { op, id, channel: 'a', members: [{ session: 's' }], count: 1, more: false }));
    } else {
      response.writeHead(426).end('This is a Crier endpoint.');
    }
  } });
  const crier = connect(t, server.url, { fallback: { after: 1 } });
  const subscription = subscribe(crier, 'a', { presence: true });
  await eventually(() => subscription.events('members').length === 1);
  for (const length of [2, 3]) {
    stream.write(':\n\n');
    await eventually(() => subscription.events('members').length === length);
  }
});

test('a page without fallback.js is told so, and goes on trying', async (t) => {
  const { proxy } = await blocked(t);
  class WebSocket {
    constructor() {
      setTimeout(() => this.onclose?.({ code: 1006, reason: '' }), 1);
    }

    close() {}
  }
  const page = vm.createContext({ URL, AbortController, AbortSignal, setTimeout, clearTimeout, performance, fetch,
    WebSocket });
  vm.runInContext(readFileSync(new URL('../dist/crier.global.js', import.meta.url), 'utf8'), page);
  const crier = page.Crier.connect(proxy.url, { backoff: { min: 1, max: 10 } });
  t.after(() => crier.close());
  const errors = [];
  crier.on('reconnecting', ({ error }) => errors.push(error.message));
  await eventually(() => errors.some((message) => message.startsWith('no fallback: ')));
  const { length } = errors;
  await eventually(() => errors.length > length);
});

test('the fallback can be switched off', async (t) => {
  const { crier } = await blocked(t, keep, { fallback: false });
  await eventually(() => crier.events('reconnecting').length > 5);
  assert.equal(crier.events('connected').length, 0);
});

test('a message that nobody can read is refused, and those that shared its POST are stored', async (t) => {
  const { crier } = await blocked(t);
  await crier.ready;
  const channel = crier.channel(name());
  let deep = 1;
  for (let i = 0; i < 70; i++) deep = [deep];
  const answers = await Promise.allSettled(['a', deep, 'c'].map((data) => channel.publish(data)));
  assert.deepEqual(answers.map(({ reason }) => reason?.code), [undefined, 'bad_request', undefined]);
});

test('an expired token is replaced, as on a WebSocket', async (t) => {
  const broker = await Broker.start(t, `${keep}[auth]\nanonymous = false\n[auth.jwt]\nsecret = "${secret}"\n`);
  const proxy = await Proxy.start(t, broker, { upgrades: false });
  let asked = 0;
  const crier = connect(t, proxy.url, { fallback: { after: 1 }, backoff: { min: 1, max: 2 }, getToken: () =>
    token({ sub: 'alice', exp: Math.floor(Date.now() / 1000) + (++asked < 5 ? -60 : 60) }) });
  await eventually(() => crier.events('connected').length);
  assert.equal(crier.events('connected')[0].transport, 'sse');
  assert.ok(asked >= 5);
});

test('what is sent is what was given, whatever becomes of it while it waits', async (t) => {
  const { crier } = await blocked(t);
  const channel = name();
  const data = { version: 1 };
  const waiting = crier.channel(channel).publish(data, { echo: false });
  data.version = 2;
  await waiting;
  assert.deepEqual((await crier.channel(channel).history()).messages.map((message) => message.data), [{ version: 1 }]);
});
