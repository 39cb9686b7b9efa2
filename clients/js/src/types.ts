// What applications see, and what goes over the wire (protocol/README.md). Names of the wire keep its spelling.

import type { Answer, CrierError, ErrorCode, ErrorDetails } from './errors.js';

export type State = 'connecting' | 'connected' | 'reconnecting' | 'closed';
export type TransportName = 'websocket' | 'sse';

/** Times are in milliseconds, except for those that the wire has (`ttl`, `retryAfter`, `expires_in`): seconds. */
export interface ConnectOptions {
  /** A fresh token, or nothing for an anonymous connection. Called before each connection and before the token ends.
   *  What it throws is tried again with backoff, unless it is an error whose `final` is true. */
  getToken?: (reason: 'connect' | 'expiring' | 'expired') => MaybePromise<string | null | undefined>;
  /** Delays between attempts: random between 0 and `min` x 2^attempt, at most `max`. Default 500 and 20000. */
  backoff?: { min?: number; max?: number };
  /** For opening a connection, for getToken, and for the answers to a `ping` and to a POST. Default 10000. */
  timeout?: number;
  /** Silence after which the link is asked whether it lives. Default: what the broker's `welcome` says. */
  heartbeat?: number;
  /** Commands while there is no connection: wait for one (default), or fail at once with `offline`. */
  offline?: 'queue' | 'reject';
  /** How many may wait, and how many bytes of JSON together. Default 1000 and 1 MiB. Then `offline_queue_full`. */
  offlineQueue?: { count?: number; bytes?: number };
  /** Server-sent events and POST where no WebSocket gets through: after how many failures in a row, and when to try a
   *  WebSocket again. Default 3 and 300000; false: never. */
  fallback?: { after?: number; retry?: number } | false;
  /** Closes the connection for good when it is aborted. */
  signal?: AbortSignal;
  /** Node only: further headers of every request. */
  headers?: Record<string, string>;
  /** Node only: options of node:tls, such as `ca`, `cert`, `key`. */
  tls?: Record<string, unknown>;
}

export type Listener<Event> = (event: Event) => unknown;

export type MaybePromise<T> = T | Promise<T>;

export interface SubscribeOptions {
  /** Begin after this position. */
  since?: string | undefined;
  /** Begin with so many of the newest messages. With `since`: only if that one cannot be recovered. */
  last?: number;
  /** Members, and who comes and goes. */
  presence?: boolean;
  /** Messages that wait for `for await`, or for the first listener. Default 1000. */
  buffer?: number;
}

export interface PublishOptions {
  /** Makes repeating safe: the same key is the same message. A message with a key is sent again after a cut. */
  key?: string;
  /** Seconds that the history keeps it, if less than usual. */
  ttl?: number;
  /** What a newer message replaces for slow subscribers. */
  conflate?: string;
  /** false: not to ourselves. */
  echo?: boolean;
  /** A session that does not get it. */
  exclude?: string;
  /** `data` is base64 of bytes. */
  encoding?: 'base64';
}

export interface HistoryOptions {
  since?: string | undefined;
  /** At most so many messages in all. */
  limit?: number | undefined;
  /** The newest first. */
  reverse?: boolean;
  /** Of a page that said `more`. */
  cursor?: string | undefined;
}

export interface Message<Data = unknown> {
  channel: string;
  data: Data;
  /** Where the channel keeps history. */
  position?: string | undefined;
  /** Milliseconds since 1970. */
  time: number;
  /** Of the subscription that delivers it, where that is one to a pattern. */
  pattern?: string | undefined;
  encoding?: 'base64';
}

export interface Member {
  session: string;
  user?: string | undefined;
  info?: unknown;
}

export interface Members {
  channel: string;
  count: number;
  /** Absent where there are too many to list. */
  members?: Member[] | undefined;
}

export interface Published {
  /** Where the channel keeps history. */
  position?: string | undefined;
}

export type BroadcastResult = { channel: string; position?: string; code?: ErrorCode; message?: string };

export interface HistoryPage<Data = unknown> {
  messages: Message<Data>[];
  /** Of the newest message. */
  position?: string | undefined;
  more: boolean;
  cursor?: string | undefined;
}

export interface Subscribed {
  channel: string;
  /** Where the stream begins. Absent where the channel keeps no history, so that nothing can be resumed. */
  position?: string | undefined;
  recovered?: boolean | undefined;
  replayed?: number | undefined;
}

/** After a cut: everything since then follows. */
export interface Recovered {
  channel: string;
  replayed?: number | undefined;
}

/** After a cut: what came since then is lost, and what follows is new. */
export interface Unrecovered {
  channel: string;
  /** The newest position that was seen. Absent where the channel keeps no history. */
  since?: string | undefined;
  /** Where the stream begins now. */
  position?: string | undefined;
}

export interface Gap {
  channel: string;
  /** Absent when the number is unknown. */
  lost?: number | undefined;
  conflated: boolean;
}

export interface Unsubscribed {
  channel: string;
  /** Absent when the application did it. */
  code?: ErrorCode | undefined;
  reason?: string | undefined;
}

export interface SubscriptionEvents<Data = unknown> {
  message: Message<Data>;
  /** The stream begins, or begins again after a cut. */
  subscribed: Subscribed;
  recovered: Recovered;
  unrecovered: Unrecovered;
  gap: Gap;
  join: Member;
  leave: Member;
  /** All of them: at the beginning, and whenever single joins and leaves do not tell. */
  members: Members;
  error: CrierError;
  /** The end. */
  unsubscribed: Unsubscribed;
}

export interface CrierEvents {
  connected: { session: string; user: string | undefined; transport: TransportName };
  /** The link is gone; `reconnecting` or `closed` follows. */
  disconnected: CrierError;
  /** The next attempt begins in `delay` ms, because of `error`. */
  reconnecting: { attempt: number; delay: number; error: CrierError };
  /** The broker will end this connection in so many ms; we come back at once then. */
  drain: { reconnect_in: number };
  /** Something failed. `final`: for good; otherwise it is tried again. */
  error: CrierError;
  /** The end: with the error, or without when the application closed it. */
  closed: { error: CrierError | undefined };
  /** Of a channel that the token subscribes to, and the application does not. */
  message: Message;
  /** Of such a channel: it was away for a moment, and is not resumed. */
  gap: Gap;
}

/** @internal */
export interface Command {
  op: string;
  id?: number;
  channel?: string;
  key?: string;
  token?: string;
  since?: string | undefined;
  echo?: boolean;
  [field: string]: unknown;
}

/** Any push or reply; which fields are there depends on `op`. @internal */
export interface Push {
  op: string;
  id?: number;
  command?: string;
  channel: string;
  pattern?: string | undefined;
  data?: unknown;
  position?: string | undefined;
  code: ErrorCode;
  message: string;
  retry_after?: number;
  recovered?: boolean | undefined;
  replayed?: number | undefined;
  members?: Member[] | undefined;
  member: Member;
  messages: Message[];
  count?: number | undefined;
  more: boolean;
  cursor: string;
  reason?: string | undefined;
  lost?: number | undefined;
  conflated: boolean;
  session: string;
  user?: string | undefined;
  expires_in?: number;
  heartbeat: number;
  limits: { incoming_bytes_max?: number };
  reconnect_in: number;
  results: BroadcastResult[];
  time: number;
}

/** What the transports need of where they run. @internal */
export interface Platform {
  socket_(url: string, options: ConnectOptions): Socket;
  fetch_(url: string, init: RequestOptions, options: ConnectOptions): Promise<Answer>;
  /** Nobody else has it. */
  key_(): string;
  /** Of a request that failed. */
  error_(url: string, cause: unknown): CrierError;
  /** fallback.ts. */
  fallback_(): Promise<Fallback>;
}

/** @internal */
export interface RequestOptions {
  method?: string;
  headers?: Record<string, string>;
  body?: string;
  signal: AbortSignal;
  mode?: 'no-cors';
}

/** What is needed of a `WebSocket`. @internal */
export interface Socket {
  onmessage: ((event: { data: unknown }) => void) | null;
  /** `error`: where we may see why it could not be opened. */
  onclose: ((event: { code: number; reason: string; error?: CrierError }) => void) | null;
  send(text: string): void;
  close(): void;
}

/** A connection of either kind, which speaks the wire's commands. @internal */
export interface Link {
  readonly transport: TransportName;
  send(command: Command, text: string): void;
  /** Of event streams: is lost as soon as nothing is on its way, because nobody could know whether that has arrived. */
  leave?(): void;
  /** Nothing is heard of it any more. */
  close(): void;
}

/** @internal */
export interface LinkEvents {
  push(push: Push): void;
  /** Bytes came. */
  heard(): void;
  /** The end; `error` is undefined when it could not be opened and nobody knows why. */
  lost(error?: CrierError): void;
}

/** @internal */
export type Failure = (code: ErrorCode, message: string, details?: ErrorDetails) => CrierError;

/** fallback.ts: these names go from one file of dist/ to another. @internal */
export interface Fallback {
  openStream(fetchAnswer: Platform['fetch_'], url: string, options: ConnectOptions,
    token: string | null | undefined, events: LinkEvents, tools: StreamTools): Link;
  /** A fallback is no home: opens a WebSocket from time to time, and calls `home` when one gets through. Returns what
   *  ends it. */
  trials(open: (events: LinkEvents) => Link, home: () => void, ms?: number): () => void;
  refusal(failure: Failure, answer: Answer, url: string, text: string, worked?: boolean): CrierError;
}

/** @internal */
export interface StreamTools {
  failure: Failure;
  closeError(code: number, reason?: string): CrierError;
}
