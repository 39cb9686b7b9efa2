// The library in a real browser, against a real broker: what Node cannot show.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Broker, Proxy, name, range, secret, token } from '../../../clients/js/test/support.mjs';
import { openPage, servePages } from './chromium.mjs';

const keep = '[namespace.default]\nhistory = { messages = 1000, age = "1h" }\n';

for (const build of ['module', 'plain']) {
  test(`everything works from the ${build} build`, async (t) => {
    const broker = await Broker.start(t, keep);
    const page = await openPage(t, `${(await servePages(t)).origin}/${build}`);
    const channel = name();
    await broker.publish(channel, 'one', 'two', 'three');
    const result = await page.evaluate(async ({ url, channel }) => {
      const crier = watch(Crier.connect(url));
      const other = Crier.connect(url);
      const subscription = watch(crier.channel(channel).subscribe({ last: 2, presence: true }));
      const pattern = watch(crier.channel(`${channel}.*`).subscribe());
      await first(subscription, 'members');
      const theirs = other.channel(channel).subscribe();
      await first(subscription, 'join');
      const { position } = await other.channel(channel).publish({ text: 'four' });
      await eventually(() => subscription.events('message').length === 3);
      const sums = await crier.broadcast([channel, `${channel}.x`], 5);
      await eventually(() => pattern.events('message').length === 1 && subscription.events('message').length === 4);
      const page = await crier.channel(channel).history({ limit: 2 });
      const all = [];
      for await (const message of crier.channel(channel).history({ limit: 10, reverse: true })) all.push(message.data);
      const { count } = await crier.channel(channel).presence();
      theirs.unsubscribe();
      await first(subscription, 'leave');
      other.close();
      crier.close();
      return { datas: subscription.events('message').map(({ data }) => data), position, newest: subscription.position,
        sums: sums.map((sum) => sum.position), via: pattern.events('message')[0].pattern, all, count,
        first: page.messages.map(({ data }) => data), transport: crier.events('connected')[0].transport,
        isError: new Crier.CrierError('closed', 'x') instanceof Error, state: crier.state };
    }, { url: broker.url, channel });
    assert.deepEqual(result.datas, ['two', 'three', { text: 'four' }, 5]);
    assert.deepEqual(result.first, ['one', 'two']);
    assert.deepEqual(result.all, [5, { text: 'four' }, 'three', 'two', 'one']);
    assert.equal(result.newest, result.sums[0]);
    assert.ok(result.position);
    assert.deepEqual([result.via, result.count, result.transport, result.isError, result.state],
      [`${channel}.*`, 2, 'websocket', true, 'closed']);
  });
}

test('a link that is cut again and again loses nothing and repeats nothing', async (t) => {
  const broker = await Broker.start(t, keep);
  // A connection lives for a random number of bytes, inside frames and between them.
  const proxy = await Proxy.start(t, broker, { limits: () => 600 + Math.random() * 4000 });
  const page = await openPage(t, `${(await servePages(t)).origin}/module`);
  const channel = name();
  const count = 300;
  await page.evaluate(async ({ url, channel }) => {
    window.crier = watch(Crier.connect(url, { backoff: { min: 10, max: 50 } }));
    window.subscription = watch(crier.channel(channel).subscribe());
    await first(subscription, 'subscribed');
  }, { url: proxy.url, channel });
  for (let next = 0; next < count; next += 10) await broker.publish(channel, ...range(10, next));
  const result = await page.evaluate(async (count) => {
    await eventually(() => subscription.events('message').some(({ data }) => data === count - 1));
    return { datas: subscription.events('message').map(({ data }) => data), cuts: crier.events('disconnected').length,
      recovered: subscription.events('recovered').length, lost: subscription.events('unrecovered') };
  }, count);
  assert.deepEqual(result.datas, range(count));
  assert.ok(result.cuts >= 3, `only ${result.cuts} cuts`);
  assert.equal(result.recovered > 0, true);
  assert.deepEqual(result.lost, []);
});

test('a browser that goes offline asks its link, and comes back at once when it is online', async (t) => {
  const broker = await Broker.start(t, keep);
  const proxy = await Proxy.start(t, broker);
  const page = await openPage(t, `${(await servePages(t)).origin}/module`);
  const channel = name();
  await page.evaluate(async ({ url, channel }) => {
    // Without `online` it would come back in a minute.
    window.crier = watch(Crier.connect(url, { timeout: 400, backoff: { min: 120_000, max: 120_000 } }));
    window.subscription = watch(crier.channel(channel).subscribe());
    await first(subscription, 'subscribed');
  }, { url: proxy.url, channel });
  proxy.stalled = true; // a network that is gone says nothing
  await page.context().setOffline(true);
  const lost = await page.evaluate(async () => plain(await first(crier, 'disconnected')));
  assert.equal(lost.code, 'heartbeat_timeout');
  await page.evaluate(() => eventually(() => crier.state === 'reconnecting' && crier.events('reconnecting').length));
  await broker.publish(channel, 'meanwhile');
  proxy.stalled = false;
  const began = Date.now();
  await page.context().setOffline(false);
  await page.evaluate(() => eventually(() => subscription.events('message').length));
  const took = Date.now() - began;
  assert.deepEqual(await page.evaluate(() => subscription.events('recovered').length), 1);
  assert.ok(took < 15_000, `came back after ${took} ms`);
});

test('a page that becomes visible again finds at once that its link has died', async (t) => {
  const broker = await Broker.start(t, keep);
  const proxy = await Proxy.start(t, broker);
  const page = await openPage(t, `${(await servePages(t)).origin}/module`);
  const result = await page.evaluate(async ({ url }) => {
    window.crier = watch(Crier.connect(url, { timeout: 400, backoff: { min: 10, max: 50 } }));
    await crier.ready;
    // No tab of a headless browser is ever hidden: what a page sees is all that is imitated.
    window.show = (state) => {
      Object.defineProperty(document, 'visibilityState', { value: state, configurable: true });
      document.dispatchEvent(new Event('visibilitychange', { bubbles: true }));
    };
    show('hidden');
    return crier.session;
  }, { url: proxy.url });
  proxy.silent = true;
  const lost = page.evaluate(async () => {
    show('visible');
    return plain(await first(crier, 'disconnected'));
  });
  assert.equal((await lost).code, 'heartbeat_timeout');
  proxy.silent = false;
  proxy.cut();
  const session = await page.evaluate(async () => {
    await eventually(() => crier.state === 'connected');
    return crier.session;
  });
  assert.notEqual(session, result);
});

test('a token is fetched from the page\'s own server, and again before it ends', async (t) => {
  let given = 0;
  const { origin: pages } = await servePages(t, { answer: (_, response) => {
    given += 1;
    response.end(token({ sub: 'alice', exp: Math.ceil(Date.now() / 1000) + 2 }));
  } });
  const broker = await Broker.start(t, `[server]\nhosts = ["127.0.0.1"]\norigins = ["${pages}"]\n` +
    `[auth]\nanonymous = false\n[auth.jwt]\nalgorithms = ["HS256"]\nsecret = "${secret}"\n` +
    '[namespace.default]\nsubscribe = "authenticated"\npublish = "authenticated"\n');
  const page = await openPage(t, `${pages}/module`);
  const result = await page.evaluate(async ({ url, channel }) => {
    const reasons = [];
    const getToken = async (reason) => {
      reasons.push(reason);
      return (await fetch('/token', { method: 'POST' })).text();
    };
    const crier = watch(Crier.connect(url, { getToken }));
    await crier.ready;
    await eventually(() => reasons.length === 3);
    await crier.channel(channel).publish('still in');
    return { reasons, user: crier.user, connected: crier.events('connected').length,
      errors: crier.events('error').map(plain) };
  }, { url: broker.url, channel: name() });
  assert.deepEqual(result, { reasons: ['connect', 'expiring', 'expiring'], user: 'alice', connected: 1, errors: [] });
  assert.equal(given, 3);
});

test('a page of an origin that the broker does not serve is told which setting is meant', async (t) => {
  const broker = await Broker.start(t);
  const pages = (await servePages(t)).origin.replace('127.0.0.1', 'evil.test');
  const page = await openPage(t, `${pages}/module`);
  const { error, state } = await page.evaluate(async ({ url }) => {
    const crier = watch(Crier.connect(url, { backoff: { min: 60_000 } }));
    const { error } = await first(crier, 'reconnecting');
    return { error: plain(error), state: crier.state };
  }, { url: broker.url });
  assert.equal(error.code, 'unreachable');
  assert.match(error.message, /server\.origins/);
  assert.equal(state, 'reconnecting');
});

test('where a proxy refuses upgrades, an event stream and POST do the same, and resume', async (t) => {
  const broker = await Broker.start(t, keep);
  const proxy = await Proxy.start(t, broker, { upgrades: false });
  const page = await openPage(t, `${(await servePages(t)).origin}/module`);
  const channel = name();
  await broker.publish(channel, 'past');
  await page.evaluate(async ({ url, channel }) => {
    window.crier = watch(Crier.connect(url, { backoff: { min: 10, max: 50 }, fallback: { after: 2 } }));
    window.subscription = watch(crier.channel(channel).subscribe({ last: 10 }));
    await first(subscription, 'subscribed');
    await crier.channel(channel).publish('mine');
    await eventually(() => subscription.events('message').length === 2);
  }, { url: proxy.url, channel });
  proxy.cut();
  await broker.publish(channel, 'meanwhile');
  const result = await page.evaluate(async () => {
    await eventually(() => subscription.events('message').length === 3);
    return { transport: crier.events('connected').map(({ transport }) => transport),
      datas: subscription.events('message').map(({ data }) => data),
      why: crier.events('reconnecting').map(({ error }) => error.code), lost: subscription.events('unrecovered') };
  });
  assert.deepEqual(result.datas, ['past', 'mine', 'meanwhile']);
  assert.deepEqual([...new Set(result.transport)], ['sse']);
  assert.deepEqual(result.why.slice(0, 2), ['websocket_blocked', 'websocket_blocked']);
  assert.deepEqual(result.lost, []);
});

test('a URL that is none, a wrong path and a server that is not ours are told apart', async (t) => {
  const broker = await Broker.start(t);
  const { origin: pages } = await servePages(t, { answer: (_, response) => response.end('hello') });
  const page = await openPage(t, `${pages}/module`);
  const result = await page.evaluate(async ({ url, pages }) => {
    const failure = async (url) => {
      const crier = watch(Crier.connect(url));
      await first(crier, 'closed');
      return { ...plain(crier.events('error')[0]), ready: (await crier.ready.catch(plain)).code, state: crier.state };
    };
    let thrown;
    try {
      Crier.connect('mailto:someone');
    } catch (error) {
      thrown = plain(error);
    }
    return { thrown, path: await failure(`${url}/nowhere`), stranger: await failure(`${pages}/message`) };
  }, { url: broker.url, pages });
  assert.equal(result.thrown.code, 'bad_url');
  assert.match(result.thrown.message, /wss:\/\//);
  assert.deepEqual([result.path.code, result.path.final, result.path.ready, result.path.state],
    ['not_found', true, 'not_found', 'closed']);
  assert.match(result.path.message, /check the path/);
  assert.deepEqual([result.stranger.code, result.stranger.final], ['not_a_crier_server', true]);
  assert.match(result.stranger.message, /check the URL/);
});
