// Tokens: at the beginning, before they end, after they have ended, and when they are no good.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { Broker, Proxy, connect, errorOf, eventually, name, secret, slowness, soon, subscribe,
  token } from './support.mjs';

const manager = 'crier_bWFuYWdlci1vZi10aGUtdGVzdHMtb2YtY3JpZXItanM';
const config = `[server]
hosts = ["crier.test"]
[auth]
expiry_grace = "1s"
[auth.jwt]
secret = "${secret}"
[[auth.service_key]]
name = "manager"
sha256 = "${createHash('sha256').update(manager).digest('hex')}"
publish = ["secret:>"]
subscribe = [">"]
manage = true
[namespace.default]
history = { messages = 1000, age = "1h" }
[namespace.secret]
subscribe = "granted"
`;
const now = () => Math.floor(Date.now() / 1000);
const can = { subscribe: ['secret:>'], publish: ['>', 'secret:>'] };

async function start(t, grace = '1s') {
  const broker = await Broker.start(t, config.replace('1s', grace));
  broker.key = manager;
  return broker;
}

test('a token says who it is, and what may be done', async (t) => {
  const broker = await start(t);
  const crier = connect(t, broker.url, { getToken: async () => token({ sub: 'alice', can }) });
  const subscription = subscribe(crier, `secret:${name()}`, { presence: true });
  await subscription.live;
  await crier.channel(subscription.channel).publish('hi');
  await eventually(() => subscription.datas().length);
  assert.equal(crier.user, 'alice');
  assert.equal(subscription.events('members')[0].members[0].user, 'alice');
});

test('a token is refreshed before it ends, and nothing is interrupted', async (t) => {
  const broker = await start(t);
  const reasons = [];
  const crier = connect(t, broker.url, { getToken: (reason) => {
    reasons.push(reason);
    return token({ sub: 'alice', can, exp: now() + (reasons.length < 3 ? 3 : 60) });
  } });
  const subscription = subscribe(crier, `secret:${name()}`);
  await subscription.live;
  await eventually(() => reasons.length === 3);
  await broker.publish(subscription.channel, 1);
  await crier.channel(subscription.channel).publish(2);
  await eventually(() => subscription.datas().length === 2);
  assert.deepEqual(reasons, ['connect', 'expiring', 'expiring']);
  assert.equal(crier.events('disconnected').length, 0);
});

test('a getToken that fails is asked again, with an event, and closed links come back with a new token', async (t) => {
  const broker = await start(t);
  let fails = true;
  const reasons = [];
  const crier = connect(t, broker.url, { getToken: (reason) => {
    reasons.push(reason);
    if (reasons.length > 1 && fails) throw new Error('the login is down');
    return token({ sub: 'alice', can, exp: now() + (fails ? 1 : 60) });
  } });
  const subscription = subscribe(crier, `secret:${name()}`);
  await subscription.live;
  await eventually(() => crier.events('disconnected').length);
  assert.equal(crier.events('disconnected')[0].code, 'token_expired');
  assert.ok(crier.events('error').length > 0);
  for (const error of crier.events('error')) {
    assert.equal(error.code, 'token_failed');
    assert.equal(error.final, false);
    assert.match(error.message, /the login is down/);
  }
  await eventually(() => crier.events('reconnecting').some(({ error }) => error.code === 'token_failed'));
  fails = false;
  await broker.publish(subscription.channel, 'back');
  await eventually(() => subscription.datas().length);
  assert.deepEqual(subscription.datas(), ['back']);
});

test('a command that finds the token expired is carried out with a new one', async (t) => {
  const broker = await start(t, '10s');
  const exp = now() + 1;
  let give;
  const crier = connect(t, broker.url, { getToken: (reason) => (reason === 'connect' ?
    token({ sub: 'alice', can, exp }) : new Promise((resolve) => (give = resolve))) });
  await crier.ready;
  // The refresh in time is slow, and the broker's grace has begun, which counts whole seconds.
  await eventually(() => give && Date.now() > exp * 1000 + 1100);
  const answer = crier.channel(name()).publish(1);
  const history = Promise.resolve(crier.channel(name()).history());
  give(token({ sub: 'alice', can }));
  assert.ok((await soon(answer)).position);
  assert.deepEqual((await soon(history)).messages, []);
  assert.deepEqual(crier.told.map(([event]) => event), ['connected']);
});

test('a refused token is final', async (t) => {
  const broker = await start(t);
  const crier = connect(t, broker.url, {
    getToken: () => token({ sub: 'alice' }, 'another secret, of thirty-two bytes and more') });
  const error = await errorOf(crier.ready);
  assert.equal(error.code, 'unauthorized');
  assert.equal(error.final, true);
  assert.match(error.message, /refused the token/);
  assert.deepEqual(crier.told.map(([event]) => event), ['error', 'closed']);
});

test('an expired token is asked for again, and every attempt is told', async (t) => {
  const broker = await start(t);
  let tokens = 0;
  const crier = connect(t, broker.url, {
    getToken: () => token({ sub: 'alice', exp: now() + (++tokens > 3 ? 60 : -60) }) });
  await soon(crier.ready);
  assert.deepEqual(crier.events('reconnecting').map(({ error }) => error.code), Array(3).fill('token_expired'));
});

test('getToken says for good that there is none', async (t) => {
  const broker = await start(t);
  const crier = connect(t, broker.url, { getToken: () => {
    throw Object.assign(new Error('signed out'), { final: true });
  } });
  const error = await errorOf(crier.ready);
  assert.equal(error.code, 'token_failed');
  assert.match(error.message, /signed out/);
});

test('a getToken that never answers does not hang for ever', async (t) => {
  const broker = await start(t);
  const crier = connect(t, broker.url, { timeout: 100, getToken: () => new Promise(() => {}) });
  await eventually(() => crier.events('reconnecting').length > 1);
  assert.equal(crier.events('reconnecting')[0].error.code, 'token_failed');
});

test('a getToken that never answers for a connection that there is, is asked again', async (t) => {
  const broker = await start(t);
  let asked = 0;
  const crier = connect(t, broker.url, { timeout: 100 * slowness, getToken: () =>
    (asked++ === 1 ? new Promise(() => {}) :
      token({ sub: 'alice', can, exp: now() + (asked === 1 ? 2 * slowness : 60) })) });
  await eventually(() => asked === 3);
  assert.equal(crier.events('error')[0].code, 'token_failed');
  assert.equal(crier.events('disconnected').length, 0);
});

test('the token of another user takes another connection', async (t) => {
  const broker = await start(t);
  let user = 'alice';
  const crier = connect(t, broker.url, {
    getToken: () => token({ sub: user, can, exp: now() + (user === 'alice' ? 2 : 60) }) });
  const subscription = subscribe(crier, `secret:${name()}`);
  await subscription.live;
  user = 'bob';
  await eventually(() => crier.user === 'bob' && subscription.events('recovered').length);
});

test('what a token subscribes to can be listened to, and subscribed to', async (t) => {
  const broker = await start(t);
  const [inbox, other] = [`secret:${name()}`, `secret:${name()}`];
  const proxy = await Proxy.start(t, broker);
  const crier = connect(t, proxy.url, { getToken: () => token({ sub: 'alice', channels: [inbox, other] }) });
  const subscription = subscribe(crier, inbox);
  await subscription.live;
  await broker.publish(inbox, 1);
  await broker.publish(other, 'a');
  await eventually(() => subscription.datas().length === 1 && crier.events('message').length === 1);
  assert.equal(crier.events('message')[0].data, 'a');
  proxy.cut();
  await broker.publish(inbox, 2);
  await broker.publish(other, 'b');
  await eventually(() => subscription.datas().length === 2 && crier.events('message').length === 2);
  assert.deepEqual(crier.events('message').map(({ data }) => data), ['a', 'b']);
  assert.deepEqual(subscription.datas(), [1, 2]);
  assert.deepEqual([subscription.events('unrecovered'), crier.events('gap')], [[], []]);
  // Whoever subscribes to it takes it over, and may leave it.
  const late = subscribe(crier, other);
  await late.live;
  await broker.publish(other, 'c');
  await eventually(() => late.datas().length === 1);
  late.unsubscribe();
  await broker.publish(other, 'nobody');
  await broker.publish(inbox, 3);
  await eventually(() => subscription.datas().length === 3);
  assert.deepEqual(late.datas(), ['c']);
  assert.equal(crier.events('message').length, 2);
});

test('a subscription that a service ends, or the token does not cover, says why', async (t) => {
  const broker = await start(t);
  const crier = connect(t, broker.url, { getToken: () => token({ sub: 'alice', can }) });
  const [kicked, refused] = [subscribe(crier, `secret:${name()}`), subscribe(crier, 'log:a')];
  await kicked.live;
  await refused.live;
  await broker.post({ op: 'kick', user: 'alice', channel: kicked.channel });
  await eventually(() => kicked.events('unsubscribed').length);
  assert.equal(kicked.events('unsubscribed')[0].code, 'forbidden');
  assert.equal(kicked.events('error')[0].final, true);
  const anonymous = subscribe(connect(t, broker.url), `secret:${name()}`);
  await eventually(() => anonymous.events('unsubscribed').length);
  assert.equal(anonymous.events('error')[0].code, 'unauthorized');
  assert.equal(anonymous.events('error')[0].final, true);
  await assert.rejects(async () => {
    for await (const _ of anonymous) assert.fail();
  }, { code: 'unauthorized' });
});

test('a service that disconnects a user ends it for good', async (t) => {
  const broker = await start(t);
  const crier = connect(t, broker.url, { getToken: () => token({ sub: 'alice', can }) });
  await crier.ready;
  const waiting = errorOf(crier.channel('secret:b').subscribe()[Symbol.asyncIterator]().next());
  await broker.post({ op: 'disconnect', user: 'alice' });
  await eventually(() => crier.state === 'closed');
  assert.equal(crier.events('closed')[0].error.code, 'disconnected');
  assert.equal((await waiting).code, 'disconnected');
});

test('over event streams tokens travel too, and are renewed', async (t) => {
  const broker = await start(t);
  const proxy = await Proxy.start(t, broker, { upgrades: false });
  let tokens = 0;
  const crier = connect(t, proxy.url, { fallback: { after: 1 },
    getToken: () => token({ sub: 'alice', can, exp: now() + (++tokens < 4 ? 2 : 60) }) });
  const subscription = subscribe(crier, `secret:${name()}`);
  await subscription.live;
  await eventually(() => crier.user === 'alice');
  await eventually(() => tokens >= 4);
  const channel = crier.channel(subscription.channel);
  await channel.publish('later', { key: 'k' });
  await eventually(() => subscription.datas().length === 1);
  assert.equal(subscription.events('unrecovered').length, 0);
});

test('whoever closes in a listener while a token is refreshed is left alone', async (t) => {
  const broker = await start(t);
  let asked = 0;
  const crier = connect(t, broker.url, { backoff: { min: 1, max: 2 }, getToken: (reason) => {
    asked++;
    if (reason !== 'connect') throw new Error('the login is down');
    return token({ sub: 'alice', can, exp: now() + 2 });
  } });
  crier.on('error', () => crier.close());
  await eventually(() => crier.events('closed').length);
  const then = asked;
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.equal(asked, then);
  assert.equal(crier.events('error').length, 1);
});

test('a getToken that returns anything else than a token says so', async (t) => {
  const broker = await start(t);
  const circular = { data: 'token' };
  circular.request = { response: circular };
  for (const returned of [circular, 42, 7n]) {
    const crier = connect(t, broker.url, { getToken: () => returned });
    await eventually(() => crier.events('reconnecting').length);
    const { error } = crier.events('reconnecting')[0];
    assert.deepEqual([error.code, error.message], ['token_failed', 'getToken failed: return a string']);
  }
});
