// Nothing lost, nothing twice, wherever the link is cut.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Broker, Proxy, connect, eventually, name, range, subscribe } from './support.mjs';

const keep = '[namespace.default]\nhistory = { messages = 1000, age = "1h" }\n';

test('a link that is cut resumes from the newest message, with nothing lost or twice', async (t) => {
  const broker = await Broker.start(t, keep);
  const proxy = await Proxy.start(t, broker);
  const crier = connect(t, proxy.url);
  const channel = name();
  const subscription = subscribe(crier, channel);
  await subscription.live;
  await broker.publish(channel, 1, 2);
  await eventually(() => subscription.datas().length === 2);
  proxy.cut();
  await broker.publish(channel, 3, 4);
  await eventually(() => subscription.datas().length === 4);
  assert.deepEqual(subscription.datas(), [1, 2, 3, 4]);
  assert.deepEqual(subscription.events('recovered').map(({ channel }) => channel), [channel]);
  assert.equal(subscription.events('unrecovered').length, 0);
  assert.deepEqual(crier.told.map(([event]) => event), ['connected', 'disconnected', 'reconnecting', 'connected']);
  assert.equal(subscription.position, subscription.events('message').at(-1).position);
});

test('a replay is cut after every single byte, and comes whole', async (t) => {
  const broker = await Broker.start(t, keep);
  const channel = name();
  await broker.publish(channel, ...range(8));
  // The answer to the upgrade has some 170 bytes, `welcome` and `subscribed` 350, the messages 100 each.
  let limit = 0;
  const proxy = await Proxy.start(t, broker, { limits: () => (limit += limit < 400 ? 13 : 1) });
  const crier = connect(t, proxy.url, { backoff: { min: 0, max: 1 }, fallback: false });
  const subscription = subscribe(crier, channel, { last: 8 });
  await eventually(() => subscription.datas().length >= 8);
  await broker.publish(channel, 8);
  await eventually(() => subscription.datas().length >= 9);
  assert.deepEqual(subscription.datas(), range(9));
  assert.equal(subscription.events('unrecovered').length, 0);
  assert.equal(crier.state, 'connected');
});
