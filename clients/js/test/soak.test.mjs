// Ten minutes of a bad network in a fraction of the time: links that live for moments, and a counter that must arrive
// gapless and without duplicates. A cut every two seconds for ten minutes are 300 (CRIER_TEST_SCALE times).

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Broker, Proxy, connect, eventually, name, range, scale, slowness, subscribe } from './support.mjs';

const keep = '[namespace.default]\nhistory = { messages = 100_000, age = "1h" }\n';
const cuts = Math.max(10, Math.round(300 * scale));

for (const transport of ['websocket', 'sse']) {
  test(`${cuts} random cuts of a ${transport} link: a counter arrives gapless`, { timeout: 240_000 }, async (t) => {
    const broker = await Broker.start(t, keep);
    // Some links are cut before they can say hello, others in the middle of a message or of a replay.
    let wild = true;
    const proxy = await Proxy.start(t, broker, { upgrades: transport === 'websocket',
      limits: () => (wild && Math.random() < 0.5 ? 300 + Math.random() * 6000 : Infinity) });
    const options = { backoff: { min: 1, max: 20 }, timeout: 2000 * slowness,
      fallback: transport === 'sse' ? { after: 1 } : false };
    const crier = connect(t, proxy.url, options);
    const publisher = connect(t, proxy.url, options);
    const subscriptions = [name(), name()].map((channel) => subscribe(crier, channel));
    await Promise.all(subscriptions.map(({ live }) => live));
    let count = 0;
    let refused = 0;
    const answers = [];
    while (proxy.cuts < cuts) {
      for (const { channel } of subscriptions) {
        // In the order of the calls, whatever happens to the link: a key makes repeating safe.
        const answer = publisher.channel(channel).publish(count, { key: `${channel}-${count}` });
        answers.push(answer.catch((error) => {
          refused++;
          throw error;
        }));
        answers.at(-1).catch(() => {});
      }
      count++;
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 8));
      if (Math.random() < 0.05) proxy.cut();
      if (Math.random() < 0.01) {
        proxy.stalled = true;
        await new Promise((resolve) => setTimeout(resolve, Math.random() * 50));
        proxy.stalled = false;
        proxy.cut();
      }
    }
    wild = false;
    await Promise.all(answers);
    assert.equal(refused, 0);
    await eventually(() => subscriptions.every((each) => each.datas().length >= count), 'every message');
    for (const subscription of subscriptions) {
      assert.deepEqual(subscription.datas(), range(count));
      assert.equal(subscription.events('unrecovered').length, 0);
      assert.equal(subscription.events('gap').length, 0);
    }
    t.diagnostic(`${count} messages in each channel, ${proxy.cuts} cuts, ` +
      `${crier.events('connected').length + publisher.events('connected').length} connections`);
  });
}
