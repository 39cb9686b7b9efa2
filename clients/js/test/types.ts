// Compiled, never run: what an application writes fits the types, and what it must not write does not.

import {
  connect, CrierError, type BroadcastResult, type Channel, type ClientCode, type ConnectOptions, type Crier,
  type CrierEvents, type ErrorCode, type Gap, type History, type HistoryOptions, type HistoryPage, type Listener,
  type Member, type Members, type Message, type Published, type PublishOptions, type Recovered, type State,
  type Subscribed, type SubscribeOptions, type Subscription, type SubscriptionEvents, type TransportName,
  type Unrecovered, type Unsubscribed, type WireCode,
} from 'crier-client';

interface Score { home: number; away: number }

const options: ConnectOptions = {
  getToken: async (reason) => (reason === 'connect' ? 'a.b.c' : null),
  backoff: { min: 1, max: 2 }, timeout: 1, heartbeat: 1, offline: 'queue', offlineQueue: { count: 1, bytes: 1 },
  fallback: { after: 1, retry: 1 }, signal: new AbortController().signal, headers: { a: 'b' }, tls: { ca: 'pem' },
};
const crier: Crier = connect(new URL('wss://host/message'), options);
const bare: Crier = connect('/message', { fallback: false, offline: 'reject', getToken: () => undefined });
const state: State = crier.state;
const off: () => void = crier.on('connected', ({ session, user, transport }) => {
  const name: TransportName = transport;
  return [session satisfies string, user satisfies string | undefined, name];
});
crier.on('reconnecting', ({ attempt, delay, error }) => attempt + delay + (error.retryAfter ?? 0));
crier.on('error', (error: CrierError) => {
  const code: ErrorCode = error.code;
  const theirs: WireCode = 'forbidden';
  const ours: ClientCode = 'offline';
  return [code === theirs, code === ours, error.final, error.channel, error.position, error.cause];
});
crier.on('closed', ({ error }: CrierEvents['closed']) => error?.message);
const scores: Channel<Score> = crier.channel<Score>('scores');
const subscription: Subscription<Score> = scores.subscribe({ since: 'e:1', last: 1, presence: true, buffer: 1 },
  (message: Message<Score>) => message.data.home);
const listener: Listener<Gap> = ({ lost, conflated }) => (conflated ? lost : undefined);
subscription.on('gap', listener);
crier.on('gap', listener);
subscription.on('subscribed', ({ position, recovered, replayed }: Subscribed) => [position, recovered, replayed]);
subscription.on('recovered', ({ replayed }: Recovered) => replayed);
subscription.on('unrecovered', ({ since, position }: Unrecovered) => [since, position]);
subscription.on('join', ({ session, user, info }: Member) => [session, user, info]);
subscription.on('members', ({ count, members }: Members) => members?.length === count);
subscription.on('unsubscribed', ({ code, reason }: Unsubscribed) => [code, reason]);
subscription.on('error', (error: SubscriptionEvents['error']) => error.code);
const settings: SubscribeOptions = {};
crier.channel('a').subscribe((message) => message.data satisfies unknown);
crier.channel('a').subscribe(settings).unsubscribe();
const published: PublishOptions = { key: 'k', ttl: 1, conflate: 'c', echo: false, exclude: 's', encoding: 'base64' };

export async function use(): Promise<unknown> {
  await crier.ready;
  const answer: Published = await scores.publish({ home: 2, away: 1 }, published);
  const results: BroadcastResult[] = await crier.broadcast(['a', 'b'], { any: 'thing' });
  const asked: HistoryOptions = { since: 'e:1', limit: 1, reverse: true, cursor: 'c' };
  const history: History<Score> = scores.history(asked);
  const page: HistoryPage<Score> = await history;
  for await (const { data, position, time } of scores.history()) void [data.away, position, time];
  for await (const { data } of subscription) void data.home;
  const { members, count } = await scores.presence();
  // @ts-expect-error: a score has two sides
  await scores.publish({ home: 1 });
  // @ts-expect-error: no such event
  crier.on('conected', () => {});
  // @ts-expect-error: no such option
  connect('/message', { getTokens: () => 'x' });
  // @ts-expect-error: what is internal is not there
  crier.feeds_;
  bare.close();
  off();
  return [state, answer.position, results[0]?.code, page.more, page.cursor, members[0]?.user, count,
    new CrierError('closed', 'why', { final: true }), subscription.position, subscription.channel, crier.session,
    crier.user];
}
