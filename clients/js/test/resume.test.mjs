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

for (const access of ['nobody', 'granted']) {
  test(`a cut ends no subscription where the past is for ${access}, and tells what is lost`, async (t) => {
    const broker = await Broker.start(t, '[server]\nhosts = ["127.0.0.1"]\n' +
      '[auth.jwt]\nsecret = "a secret of tests, with more than 32 bytes"\n' +
      `[namespace.default]\nhistory = { messages = 9 }\npublish = "anyone"\nhistory_access = "${access}"\n`);
    const proxy = await Proxy.start(t, broker);
    const crier = connect(t, proxy.url);
    const [first, second] = [subscribe(crier, name()), subscribe(crier, name())];
    await Promise.all([first.live, second.live]);
    await broker.publish(first.channel, 1);
    await eventually(() => first.datas().length === 1);
    proxy.cut();
    await eventually(() => crier.events('connected').length === 2);
    await eventually(() => first.events('unrecovered').length && second.events('unrecovered').length);
    await broker.publish(first.channel, 2);
    await eventually(() => first.datas().length === 2);
    assert.deepEqual([first.events('unsubscribed'), second.events('unsubscribed')], [[], []]);
  });
}

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
