// Where no WebSocket gets through: event streams and POST, with the same promises.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Broker, Proxy, connect, errorOf, eventually, name, range, secret, soon, subscribe, token }
  from './support.mjs';

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
