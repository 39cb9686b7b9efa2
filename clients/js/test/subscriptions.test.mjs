// Subscriptions as an application uses them: shared, read in a loop, with members, by pattern.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Broker, Proxy, connect, errorOf, eventually, name, range, soon, subscribe } from './support.mjs';
import { FakeServer, frame } from './fake_server.mjs';

const keep = '[namespace.default]\nhistory = { messages = 1000, age = "1h" }\n' +
  '[namespace.hall]\npresence_watch_max = 1\n';

test('a subscription begins where it is told to', async (t) => {
  const broker = await Broker.start(t, keep);
  const channel = name();
  const positions = await broker.publish(channel, ...range(10));
  const since = subscribe(connect(t, broker.url), channel, { since: positions[6] });
  const last = subscribe(connect(t, broker.url), channel, { last: 3 });
  const live = subscribe(connect(t, broker.url), channel);
  await Promise.all([since.live, last.live, live.live]);
  await broker.publish(channel, 10);
  await eventually(() => [since, last, live].every((each) => each.datas().includes(10)));
  assert.deepEqual([since, last, live].map((each) => each.datas()), [[7, 8, 9, 10], [7, 8, 9, 10], [10]]);
  assert.equal(since.events('recovered').length, 1);
  assert.deepEqual(since.told.map(([event]) => event), ['subscribed', 'recovered', ...Array(4).fill('message')]);
  const lost = subscribe(connect(t, broker.url), channel, { since: 'zzzz0000:7', last: 2 });
  await eventually(() => lost.datas().length === 2);
  assert.deepEqual(lost.told.map(([event]) => event), ['subscribed', 'unrecovered', 'message', 'message']);
  assert.equal(lost.events('unrecovered')[0].since, 'zzzz0000:7');
});

test('any number of subscriptions share a channel, each with a past of its own', async (t) => {
  const broker = await Broker.start(t, keep);
  const proxy = await Proxy.start(t, broker);
  const crier = connect(t, proxy.url);
  const channel = name();
  const positions = await broker.publish(channel, ...range(5));
  const first = subscribe(crier, channel);
  await first.live;
  const last = subscribe(crier, channel, { last: 2 });
  const since = subscribe(crier, channel, { since: positions[0] });
  const lost = subscribe(crier, channel, { since: 'zzzz0000:7', last: 1 });
  const live = subscribe(crier, channel, { presence: true });
  const all = [first, last, since, lost, live];
  await Promise.all(all.map((each) => each.live));
  await broker.publish(channel, 5, 6);
  await eventually(() => all.every((each) => each.datas().includes(6)));
  assert.deepEqual(all.map((each) => each.datas()), [[5, 6], [3, 4, 5, 6], [1, 2, 3, 4, 5, 6], [4, 5, 6], [5, 6]]);
  assert.equal(since.events('recovered').length > 0, true);
  assert.equal(lost.events('unrecovered').length, 1);
  assert.equal(first.events('members').length, 0, 'it did not ask for them');
  await eventually(() => live.events('members').length);
  proxy.cut();
  await broker.publish(channel, 7);
  await eventually(() => all.every((each) => each.datas().includes(7)));
  for (const each of all) assert.deepEqual(each.datas().slice(-3), [5, 6, 7]);
  for (const each of all.slice(1)) each.unsubscribe();
  await broker.publish(channel, 8);
  await eventually(() => first.datas().includes(8));
  assert.equal(live.datas().includes(8), false);
  first.unsubscribe();
  assert.deepEqual(first.events('unsubscribed').map(({ code }) => code), [undefined]);
  await eventually(async () => (await crier.channel(channel).presence()).count === 0);
});

test('what comes while a past of its own is fetched is not taken for a part of it', async (t) => {
  const broker = await Broker.start(t, keep);
  const crier = connect(t, broker.url);
  const channel = name();
  const first = subscribe(crier, channel);
  await first.live;
  const second = subscribe(crier, channel, { last: 1 });
  // On their way before the history is asked for, which so ends with the last of them.
  await Promise.all(range(3).map((i) => crier.channel(channel).publish(i)));
  await eventually(() => second.datas().includes(2));
  assert.deepEqual(second.datas(), range(3));
});

test('what is unsubscribed and subscribed in one breath gets each message once', async (t) => {
  const broker = await Broker.start(t, keep);
  const crier = connect(t, broker.url);
  await crier.ready;
  const channel = name();
  const told = [];
  let subscription;
  for (const turn of range(20)) {
    subscription?.unsubscribe();
    subscription = crier.channel(channel).subscribe((message) => told.push([turn, message.data]));
    void broker.publish(channel, `while ${turn}`);
  }
  await eventually(async () => (await crier.channel(channel).presence()).count === 1);
  await broker.publish(channel, 'end');
  await eventually(() => told.some(([, data]) => data === 'end'));
  assert.deepEqual(told.filter(([, data]) => data === 'end'), [[19, 'end']]);
});

test('patterns deliver with the name of the channel', async (t) => {
  const broker = await Broker.start(t, keep);
  const crier = connect(t, broker.url);
  const root = name();
  const pattern = subscribe(crier, `${root}.*.uk`);
  const exact = subscribe(crier, `${root}.sport.uk`);
  await Promise.all([pattern.live, exact.live]);
  await broker.publish(`${root}.sport.uk`, '2:1');
  await eventually(() => pattern.datas().length && exact.datas().length);
  const [message] = pattern.events('message');
  assert.equal(message.channel, `${root}.sport.uk`);
  assert.equal(message.pattern, `${root}.*.uk`);
  assert.equal(exact.events('message')[0].pattern, undefined);
  const refused = subscribe(crier, `${root}.>`, { last: 5 });
  await eventually(() => refused.events('error').length);
  assert.equal(refused.events('error')[0].code, 'bad_request');
});

test('members come and go', async (t) => {
  const broker = await Broker.start(t, keep);
  const [one, other] = [connect(t, broker.url), connect(t, broker.url)];
  const mine = subscribe(one, name(), { presence: true });
  await mine.live;
  const theirs = subscribe(other, mine.channel);
  await eventually(() => mine.events('join').length);
  assert.equal(mine.events('join')[0].session, other.session);
  assert.equal((await one.channel(mine.channel).presence()).count, 2);
  theirs.unsubscribe();
  await eventually(() => mine.events('leave').length);
  const hall = subscribe(one, `hall:${name()}`, { presence: true });
  await hall.live;
  subscribe(other, hall.channel);
  await eventually(() => hall.events('members').some(({ count, members }) => count === 2 && !members));
});

test('history comes in pages, or message by message', async (t) => {
  const broker = await Broker.start(t, keep);
  const crier = connect(t, broker.url);
  const channel = crier.channel(name());
  // Six pages of 256 KiB.
  const large = 'x'.repeat(60_000);
  const positions = [];
  for (const i of range(24)) positions.push(...await broker.publish(channel.name, { i, large }));
  const page = await channel.history();
  assert.ok(page.more && page.cursor && page.messages.length < 24);
  assert.equal(page.messages[0].channel, channel.name);
  const read = async (options) => {
    const seen = [];
    for await (const { data } of channel.history(options)) seen.push(data.i);
    return seen;
  };
  assert.deepEqual(await read(), range(24));
  assert.deepEqual(await read({ since: positions[3], limit: 10 }), range(10, 4));
  assert.deepEqual(await read({ reverse: true, limit: 3 }), [23, 22, 21]);
  const error = await errorOf(Promise.resolve(channel.history({ since: 'zzzz0000:7' })));
  assert.equal(error.code, 'unrecoverable_position');
});

test('a loop reads what comes, from before it began, and leaving it unsubscribes', async (t) => {
  const broker = await Broker.start(t, keep);
  const crier = connect(t, broker.url);
  const channel = crier.channel(name());
  await broker.publish(channel.name, ...range(3));
  const subscription = channel.subscribe({ last: 3 });
  await crier.ready;
  await eventually(() => subscription.position);
  await broker.publish(channel.name, 3, 4);
  const seen = [];
  for await (const { data } of subscription) {
    seen.push(data);
    if (data === 4) break;
  }
  assert.deepEqual(seen, range(5));
  await eventually(async () => (await channel.presence()).count === 0);
});

test('a loop ends with its subscription', async (t) => {
  const broker = await Broker.start(t, keep);
  const crier = connect(t, broker.url);
  const read = async (subscription) => {
    const seen = [];
    for await (const { data } of subscription) seen.push(data);
    return seen;
  };
  const subscription = crier.channel(name()).subscribe();
  const reading = read(subscription);
  const witness = subscribe(crier, subscription.channel);
  await witness.live;
  await broker.publish(subscription.channel, 1);
  await eventually(() => witness.datas().length);
  subscription.unsubscribe();
  assert.deepEqual(await soon(reading), [1]);
  const closing = read(crier.channel(name()).subscribe());
  crier.close();
  assert.deepEqual(await soon(closing), []);
});

test('a reader that is too slow reads what was kept, and is told where to go on', async (t) => {
  const broker = await Broker.start(t, keep);
  const crier = connect(t, broker.url);
  const channel = crier.channel(name());
  const subscription = channel.subscribe({ buffer: 5 });
  // Of the same channel: what it has, the others have.
  const witness = subscribe(crier, channel.name);
  await witness.live;
  const begin = subscription.position;
  await broker.publish(channel.name, ...range(11));
  await eventually(() => witness.datas().length === 11);
  assert.equal(subscription.position, begin, 'what waits has not been delivered');
  const seen = [];
  let failed;
  try {
    for await (const { data, position } of subscription) {
      seen.push(data);
      assert.equal(subscription.position, position);
    }
  } catch (error) {
    failed = error;
  }
  assert.deepEqual(seen, range(5));
  assert.equal(failed.code, 'slow_reader');
  for await (const { data } of channel.subscribe({ since: failed.position })) {
    seen.push(data);
    if (data === 10) break;
  }
  assert.deepEqual(seen, range(11));
  const small = channel.subscribe({ buffer: 0 });
  await eventually(() => small.position);
  const { position } = small;
  await broker.publish(channel.name, 11);
  await eventually(() => witness.datas().includes(11));
  const error = await errorOf(small[Symbol.asyncIterator]().next());
  assert.deepEqual([error.code, error.position], ['slow_reader', position], 'nothing was read');
});

test('a loop can be left while it waits', async (t) => {
  const broker = await Broker.start(t, keep);
  const subscription = subscribe(connect(t, broker.url), name());
  await subscription.live;
  const reader = subscription[Symbol.asyncIterator]();
  const waiting = [reader.next(), reader.next()];
  await soon(reader.return());
  for (const each of waiting) assert.equal((await soon(each)).done, true);
  assert.equal(subscription.events('unsubscribed').length, 1);
});

test('what nobody hears is not kept for ever: the first listener hears what was, then of the gap', async (t) => {
  const broker = await Broker.start(t, keep);
  const crier = connect(t, broker.url);
  const subscription = crier.channel(name()).subscribe({ buffer: 3 });
  const witness = subscribe(crier, subscription.channel);
  await witness.live;
  await broker.publish(subscription.channel, ...range(5));
  await eventually(() => witness.datas().length === 5);
  const told = [];
  subscription.on('gap', ({ lost }) => told.push({ lost }));
  subscription.on('message', ({ data }) => told.push(data));
  await broker.publish(subscription.channel, 5);
  await eventually(() => told.includes(5));
  assert.deepEqual(told, [0, 1, 2, { lost: 2 }, 5]);
});

test('what waited for a listener is not heard after unsubscribe(), nor lost by one that listens once', async (t) => {
  const broker = await Broker.start(t, keep);
  const crier = connect(t, broker.url);
  const [left, once] = [name(), name()].map((channel) => crier.channel(channel).subscribe());
  const witnesses = [left, once].map(({ channel }) => subscribe(crier, channel));
  await Promise.all(witnesses.map(({ live }) => live));
  for (const { channel } of witnesses) await broker.publish(channel, ...range(3));
  await eventually(() => witnesses.every((each) => each.datas().length === 3));
  const heard = [];
  left.on('message', ({ data }) => {
    heard.push(data);
    left.unsubscribe();
  });
  const off = once.on('message', ({ data }) => {
    heard.push(`once ${data}`);
    off();
  });
  await eventually(() => heard.length === 2);
  once.on('message', ({ data }) => heard.push(`later ${data}`));
  await eventually(() => heard.length === 4);
  assert.deepEqual(heard, [0, 'once 0', 'later 1', 'later 2']);
});

test('a second subscription begins after its `since`, also where the first is behind it', async (t) => {
  const broker = await Broker.start(t, keep);
  const crier = connect(t, broker.url);
  const channel = name();
  const positions = await broker.publish(channel, ...range(6));
  const [first, second] = [1, 4].map((i) => subscribe(crier, channel, { since: positions[i] }));
  await eventually(() => first.datas().length === 4 && second.datas().length);
  await broker.publish(channel, 6);
  await eventually(() => second.datas().includes(6));
  assert.deepEqual([first.datas(), second.datas()], [[2, 3, 4, 5, 6], [5, 6]]);
});

test('a past that may not be read is told as lost', async (t) => {
  const broker = await Broker.start(t, '[namespace.shut]\nhistory_access = "nobody"\n' +
    'history = { messages = 9, age = "1m" }\n');
  const crier = connect(t, broker.url);
  const first = subscribe(crier, `shut:${name()}`);
  await first.live;
  const second = subscribe(crier, first.channel, { since: 'zzzz0000:7' });
  await eventually(() => second.events('unrecovered').length);
  assert.equal(second.events('error')[0].code, 'forbidden');
  assert.equal(second.events('error')[0].final, false);
});

test('a gap is told at its place', async (t) => {
  const server = await FakeServer.start(t);
  const crier = connect(t, server.url);
  const subscription = subscribe(crier, 'a');
  await crier.ready;
  const push = (object) => server.send(frame(JSON.stringify(object)));
  push({ op: 'subscribed', id: 1, channel: 'a', position: 'e:1' });
  push({ op: 'message', channel: 'a', data: 2, position: 'e:2', time: 1 });
  push({ op: 'message', channel: 'a', data: 'again', position: 'e:2', time: 1 });
  push({ op: 'gap', channel: 'a', lost: 7, conflated: true });
  push({ op: 'message', channel: 'a', data: 10, position: 'e:10', time: 1 });
  push({ op: 'message', channel: 'a', data: 'of a new epoch', position: 'f:3', time: 1 });
  push({ op: 'message', channel: 'a', data: 'with 19 digits', position: 'f:1000000000000000001', time: 1 });
  push({ op: 'message', channel: 'a', data: 'one more', position: 'f:1000000000000000002', time: 1 });
  await eventually(() => subscription.datas().length === 5);
  assert.deepEqual(subscription.told.slice(1).map(([event, { data, lost }]) => data ?? `${event} ${lost}`),
    [2, 'gap 7', 10, 'of a new epoch', 'with 19 digits', 'one more']);
});

test('a subscription that is refused for a moment is asked for again', async (t) => {
  const server = await FakeServer.start(t);
  const crier = connect(t, server.url);
  const subscription = subscribe(crier, 'a');
  await crier.ready;
  const push = (object) => server.send(frame(JSON.stringify(object)));
  push({ op: 'error', id: 1, command: 'subscribe', channel: 'a', code: 'unavailable', message: 'no engine' });
  await eventually(() => subscription.events('error').length);
  assert.equal(subscription.events('error')[0].final, false);
  // An answer to what has not been asked yet is nobody's.
  await eventually(() => {
    push({ op: 'subscribed', id: 2, channel: 'a' });
    return subscription.events('subscribed').length;
  });
});

test('listeners that fail stop nobody', async (t) => {
  const broker = await Broker.start(t, keep);
  const crier = connect(t, broker.url);
  const channel = crier.channel(name());
  const errors = [];
  const subscription = channel.subscribe(() => {
    throw new Error('at once');
  });
  subscription.on('message', () => Promise.reject(new Error('later')));
  subscription.on('error', (error) => {
    errors.push(error);
    throw new Error('even here');
  });
  const said = [];
  t.mock.method(console, 'error', (error) => said.push(error));
  const off = subscription.on('message', ({ data }) => errors.push(data));
  await eventually(() => subscription.position);
  await channel.publish(1);
  await eventually(() => errors.length === 3 && said.length === 2);
  assert.deepEqual(errors.map((error) => error.code ?? error), [1, 'listener_failed', 'listener_failed']);
  assert.match(errors[1].message, /'message' failed: Error: at once/);
  off();
  await channel.publish(2);
  await eventually(() => errors.length === 5);
});

test('a fault that nobody listens to is at least written down', async (t) => {
  const said = [];
  t.mock.method(console, 'error', (error) => said.push(error));
  const server = await FakeServer.start(t, { upgrade: false });
  const { connect } = await import('../dist/node.js');
  const crier = connect(server.url);
  await eventually(() => crier.state === 'closed');
  assert.equal(said[0].code, 'not_found');
});

test('the wish of one ends nobody else', async (t) => {
  const broker = await Broker.start(t, `${keep}[namespace.hidden]\npresence = false\n`);
  const crier = connect(t, broker.url);
  const good = subscribe(crier, `hidden:${name()}`);
  await good.live;
  const curious = subscribe(crier, good.channel, { presence: true });
  await eventually(() => curious.events('unsubscribed').length);
  const channel = name();
  const wrong = subscribe(crier, channel, { since: 'garbage' });
  const right = subscribe(crier, channel);
  await Promise.all([right.live, eventually(() => wrong.events('unsubscribed').length)]);
  await broker.publish(good.channel, 1);
  await broker.publish(channel, 2);
  await eventually(() => good.datas().length && right.datas().length);
  assert.deepEqual([...good.events('error'), ...right.events('error')], []);
});

test('what is left in its `error` listener is over, and what is subscribed there lives', async (t) => {
  const server = await FakeServer.start(t);
  const crier = connect(t, server.url);
  const [left, old] = [subscribe(crier, 'left'), subscribe(crier, 'old')];
  let anew;
  left.on('error', () => left.unsubscribe());
  old.on('error', () => {
    anew ??= subscribe(crier, 'old');
    old.unsubscribe();
  });
  await crier.ready;
  const push = (object) => server.send(frame(JSON.stringify(object)));
  push({ op: 'error', id: 1, channel: 'left', code: 'rate_limited', message: 'slower' });
  push({ op: 'error', id: 2, channel: 'old', code: 'forbidden', message: 'no' });
  await eventually(() => anew && left.events('unsubscribed').length && old.events('unsubscribed').length);
  // The 3rd command asks for it; a kick that was on its way to the old one is not its own.
  push({ op: 'unsubscribed', channel: 'old', code: 'forbidden', reason: 'kicked' });
  await eventually(() => {
    for (const id of [3, 4, 5]) push({ op: 'subscribed', id, channel: 'old' });
    return anew.events('subscribed').length;
  });
  push({ op: 'message', channel: 'old', data: 'new', time: 1 });
  await eventually(() => anew.datas().length);
  assert.deepEqual(anew.datas(), ['new']);
});

test('whoever subscribes anew at each end neither hangs close() nor stops everything else', async (t) => {
  const broker = await Broker.start(t, '');
  const crier = connect(t, broker.url);
  const channel = name();
  let count = 0;
  const again = () => ++count < 1000 && crier.channel(channel).subscribe(() => {}).on('unsubscribed', again);
  again();
  await crier.ready;
  crier.close();
  await new Promise((resolve) => setTimeout(resolve, 5));
  assert.ok(count < 1000, 'timers have their turn');
  count = 1000;
});

test('the end of a subscription that nobody hears goes to the console', async (t) => {
  const broker = await Broker.start(t, '');
  const crier = connect(t, broker.url);
  const told = t.mock.method(console, 'error', () => {});
  crier.channel('bad name').subscribe(() => {});
  await eventually(() => told.mock.callCount());
  assert.equal(told.mock.calls[0].arguments[0].code, 'bad_request');
  const heard = subscribe(crier, 'worse name');
  await eventually(() => heard.events('unsubscribed').length);
  assert.equal(told.mock.callCount(), 1);
});

test('two readers of one subscription share its messages, and both end', async (t) => {
  const broker = await Broker.start(t, '');
  const crier = connect(t, broker.url);
  const channel = name();
  const subscription = crier.channel(channel).subscribe();
  const read = [];
  const loops = [0, 1].map(async () => {
    for await (const { data } of subscription) read.push(data);
  });
  await crier.ready;
  await crier.channel(channel).publish(0);
  for (const data of range(5, 1)) await broker.publish(channel, data);
  await eventually(() => read.length === 6);
  subscription.unsubscribe();
  await soon(Promise.all(loops));
  assert.deepEqual(read, range(6));
});
