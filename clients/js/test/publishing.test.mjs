// Publishing: acknowledged, queued while offline, cut off in between, refused.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Broker, Proxy, connect, errorOf, eventually, name, range, soon, subscribe } from './support.mjs';
import { FakeServer } from './fake_server.mjs';

const keep = '[namespace.default]\nhistory = { messages = 1000, age = "1h" }\n' +
  '[namespace.sms]\nmessage_bytes_max = "160"\n';
const closed = 'ws://127.0.0.1:9/message';

test('options of the wire reach the wire', async (t) => {
  const broker = await Broker.start(t, keep);
  const [one, other] = [connect(t, broker.url), connect(t, broker.url)];
  const channel = name();
  const [mine, others] = [subscribe(one, channel), subscribe(other, channel)];
  await Promise.all([mine.live, others.live]);
  const publish = (data, options) => one.channel(channel).publish(data, options);
  await publish('silent', { echo: false });
  await publish('excluded', { exclude: other.session });
  const first = await publish('once', { key: 'k' });
  const second = await publish('twice', { key: 'k' });
  assert.equal(second.position, first.position);
  await publish('3q2+7w==', { encoding: 'base64' });
  await publish('brief', { ttl: 1, conflate: 'c' });
  await eventually(() => mine.datas().includes('brief') && others.datas().includes('brief'));
  assert.deepEqual(mine.datas(), ['excluded', 'once', '3q2+7w==', 'brief']);
  assert.deepEqual(others.datas(), ['silent', 'once', '3q2+7w==', 'brief']);
  assert.equal(mine.events('message')[2].encoding, 'base64');
});

test('a broadcast has a result for each channel', async (t) => {
  const broker = await Broker.start(t, keep);
  const crier = connect(t, broker.url);
  const results = await crier.broadcast(['news', 'sms:alerts'], 'x'.repeat(200));
  assert.equal(results[0].channel, 'news');
  assert.ok(results[0].position);
  assert.equal(results[1].code, 'too_large');
});

test('what is published offline waits, and is sent in order, before what comes later', async (t) => {
  const broker = await Broker.start(t, keep);
  const crier = connect(t, broker.url);
  const subscription = subscribe(crier, name());
  const channel = crier.channel(subscription.channel);
  const early = range(50).map((i) => channel.publish(i));
  await crier.ready;
  early.push(channel.publish(50));
  await soon(Promise.all(early));
  await eventually(() => subscription.datas().length === 51);
  assert.deepEqual(subscription.datas(), range(51));
});

test('a queue that is full refuses what is too many, and what is too large', async (t) => {
  const crier = connect(t, closed, { offlineQueue: { count: 2, bytes: 1000 } });
  const channel = crier.channel('a');
  const waiting = [channel.publish(1), channel.presence()];
  const error = await errorOf(channel.publish(3));
  assert.equal(error.code, 'offline_queue_full');
  assert.equal(error.final, false);
  assert.match(error.message, /offlineQueue/);
  crier.close();
  for (const promise of waiting) assert.equal((await errorOf(promise)).code, 'closed');
  const other = connect(t, closed, { offlineQueue: { bytes: 1000 } });
  const large = other.channel('a').publish('é'.repeat(500));
  assert.equal((await errorOf(large)).code, 'offline_queue_full');
});

test('what was on its way and finds no room in the queue may have arrived', async (t) => {
  const broker = await Broker.start(t, keep);
  const proxy = await Proxy.start(t, broker);
  const crier = connect(t, proxy.url, { offlineQueue: { count: 2 } });
  const channel = crier.channel(name());
  await crier.ready;
  proxy.silent = true;
  const answers = range(3).map((i) => channel.publish(i, { key: `key-${i}` }));
  const last = errorOf(answers[2]);
  await eventually(async () => (await broker.post({ op: 'history', channel: channel.name }))[0].messages.length === 3);
  proxy.silent = false;
  proxy.cut();
  assert.equal((await last).code, 'timeout');
  await Promise.all(answers.slice(0, 2));
});

test('what is published on `connected` is behind what has waited', async (t) => {
  const broker = await Broker.start(t, keep);
  const crier = connect(t, broker.url);
  const channel = crier.channel(name());
  const answers = range(3).map((i) => channel.publish(i));
  await new Promise((resolve) => crier.on('connected', () => {
    answers.push(channel.publish('connected'));
    resolve();
  }));
  const positions = (await Promise.all(answers)).map(({ position }) => position.split(':')[1]);
  assert.deepEqual(positions, ['1', '2', '3', '4']);
});

test('offline commands fail at once where the application wants that', async (t) => {
  const crier = connect(t, closed, { offline: 'reject' });
  const error = await errorOf(crier.channel('a').publish(1));
  assert.equal(error.code, 'offline');
  assert.match(error.message, /ready/);
});

test('a closed connection refuses commands, for good', async (t) => {
  const crier = connect(t, closed);
  crier.close();
  const error = await errorOf(crier.channel('a').publish(1));
  assert.equal(error.code, 'closed');
  assert.equal(error.final, true);
  assert.equal((await errorOf(crier.ready)).code, 'closed');
  const subscription = subscribe(crier, 'a');
  await eventually(() => subscription.events('unsubscribed').length);
  assert.equal(subscription.events('error')[0].code, 'closed');
});

test('cut off before the answer: with a key it is sent again, without it is told', async (t) => {
  const broker = await Broker.start(t, keep);
  const proxy = await Proxy.start(t, broker);
  const crier = connect(t, proxy.url);
  const channel = name();
  const subscription = subscribe(connect(t, broker.url), channel);
  await Promise.all([crier.ready, subscription.live]);
  // Both arrive, but neither answer does.
  proxy.silent = true;
  const keyed = crier.channel(channel).publish('keyed', { key: 'k' });
  const bare = errorOf(crier.channel(channel).publish('bare'));
  await eventually(() => subscription.datas().length === 2);
  proxy.silent = false;
  proxy.cut();
  const error = await bare;
  assert.equal(error.code, 'timeout');
  assert.match(error.message, /key/);
  assert.equal((await soon(keyed)).position, subscription.events('message')[0].position);
  await broker.publish(channel, 'end');
  await eventually(() => subscription.datas().includes('end'));
  assert.deepEqual(subscription.datas(), ['keyed', 'bare', 'end']);
});

test('what waited offline and is cut off while it is sent arrives once', async (t) => {
  const broker = await Broker.start(t, keep);
  const proxy = await Proxy.start(t, broker);
  const watcher = subscribe(connect(t, broker.url), name());
  await watcher.live;
  proxy.stalled = true;
  const crier = connect(t, proxy.url);
  await eventually(() => proxy.connections > 0);
  const sent = range(5).map((i) => crier.channel(watcher.channel).publish(i));
  proxy.stalled = false;
  proxy.cut();
  proxy.silentAfter = true;
  await crier.ready;
  await eventually(() => watcher.datas().length === 5);
  proxy.cut();
  await soon(Promise.all(sent));
  await broker.publish(watcher.channel, 'end');
  await eventually(() => watcher.datas().includes('end'));
  assert.deepEqual(watcher.datas(), [...range(5), 'end']);
});

test('a message over the limits is refused, and the connection stays', async (t) => {
  const broker = await Broker.start(t, `${keep}[limits]\nincoming_bytes_max = "128KiB"\n`);
  const crier = connect(t, broker.url);
  await crier.ready;
  const data = await errorOf(crier.channel('sms:a').publish('x'.repeat(200)));
  assert.equal(data.code, 'too_large');
  assert.equal(data.channel, 'sms:a');
  const whole = await errorOf(crier.channel('a').publish('x'.repeat(200_000)));
  assert.equal(whole.code, 'too_large');
  assert.match(whole.message, /incoming_bytes_max/);
  assert.equal(crier.events('disconnected').length, 0);
});

test('data that is no JSON is refused', async (t) => {
  const crier = connect(t, closed);
  const circle = {};
  circle.self = circle;
  for (const data of [circle, 1n]) assert.equal((await errorOf(crier.channel('a').publish(data))).code, 'bad_request');
});

test('errors of the broker keep their code, and when to try again', async (t) => {
  const broker = await Broker.start(t, '[namespace.slow]\nrate = 1\n');
  const crier = connect(t, broker.url);
  await crier.ready;
  const answers = await Promise.allSettled(range(4).map((i) => crier.channel('slow:a').publish(i)));
  const { reason } = answers.find(({ status }) => status === 'rejected');
  assert.equal(reason.code, 'rate_limited');
  assert.equal(reason.retryAfter, 1);
  assert.equal(reason.channel, 'slow:a');
  assert.ok(reason instanceof Error && reason.name === 'CrierError' && reason.stack);
});

test('an answer nobody waits for is no unhandled rejection of the connection', async (t) => {
  const server = await FakeServer.start(t);
  const crier = connect(t, server.url);
  await crier.ready;
  server.closeAll(4003, 'gone');
  await eventually(() => crier.state === 'closed');
});

test('a text that was cut inside a character is refused at once, and one with a backslash is not', async (t) => {
  const broker = await Broker.start(t, keep);
  const crier = connect(t, broker.url);
  await crier.ready;
  const error = await errorOf(crier.channel(name()).publish({ text: 'hi \u{1F600}'.slice(0, 4) }));
  assert.equal(error.code, 'bad_request');
  assert.match(error.message, /surrogate/);
  for (const text of ['\u{1F600}', '\\ud83d', 'a\\\\ud83d']) {
    assert.ok((await crier.channel(name()).publish(text)).position);
  }
  const subscription = subscribe(crier, 'x\ud800');
  await eventually(() => subscription.events('unsubscribed').length);
  assert.equal(subscription.events('error')[0].code, 'bad_request');
});
