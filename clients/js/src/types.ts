// What applications see, and what goes over the wire (protocol/README.md). Names of the wire keep its spelling.

import type { Answer, CrierError, ErrorCode } from './errors.js';

export type State = 'connecting' | 'connected' | 'reconnecting' | 'closed';
export type TransportName = 'websocket' | 'sse';

/** Times are in milliseconds, except for those that the wire has (`ttl`, `retryAfter`, `expires_in`): seconds. */
export interface ConnectOptions {
  /** A fresh token, or nothing for an anonymous connection. Called before each connection and before the token ends.
   *  What it throws is tried again with backoff, unless it is an error whose `final` is true. */
  getToken?: (reason: 'connect' | 'expiring' | 'expired') => MaybePromise<string | null | undefined>;
  /** Delays between attempts: random between 0 and `min` x 2^attempt, at most `max`. Default 500 and 20000. */
  backoff?: { min?: number; max?: number };
  /** For opening a connection, for getToken, and for the answer to a `ping`. Default 10000. */
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
  since?: string;
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
  since?: string;
  /** At most so many messages in all. */
  limit?: number;
  /** The newest first. */
  reverse?: boolean;
  /** Of a page that said `more`. */
  cursor?: string;
}

export interface Message<Data = unknown> {
  channel: string;
  data: Data;
  /** Where the channel keeps history. */
  position?: string;
  /** Milliseconds since 1970. */
  time: number;
  /** Of the subscription that delivers it, where that is one to a pattern. */
  pattern?: string;
  encoding?: 'base64';
}

export interface Member {
  session: string;
  user?: string;
  info?: unknown;
}

export interface Members {
  channel: string;
  count: number;
  /** Absent where there are too many to list. */
  members?: Member[];
}

export interface Published {
  /** Where the channel keeps history. */
  position?: string;
}

export type BroadcastResult = { channel: string; position?: string; code?: ErrorCode; message?: string };

export interface HistoryPage<Data = unknown> {
  messages: Message<Data>[];
  /** Of the newest message. */
  position?: string;
  more: boolean;
  cursor?: string;
}

export interface Subscribed {
  channel: string;
  /** Where the stream begins. Absent where the channel keeps no history, so that nothing can be resumed. */
  position?: string;
  recovered?: boolean;
  replayed?: number;
}

/** After a cut: everything since then follows. */
export interface Recovered {
  channel: string;
  replayed: number;
}

/** After a cut: what came since then is lost, and what follows is new. */
export interface Unrecovered {
  channel: string;
  /** The newest position that was seen. Absent where the channel keeps no history. */
  since?: string;
  /** Where the stream begins now. */
  position?: string;
}

export interface Gap {
  channel: string;
  /** Absent when the number is unknown. */
  lost?: number;
  conflated: boolean;
}

export interface Unsubscribed {
  channel: string;
  /** Absent when the application did it. */
  code?: ErrorCode;
  reason?: string;
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
  connected: { session: string; user?: string; transport: TransportName };
  /** The link is gone; `reconnecting` or `closed` follows. */
  disconnected: { code: ErrorCode; error: CrierError };
  /** The next attempt begins in `delay` ms, because of `error`. */
  reconnecting: { attempt: number; delay: number; error: CrierError };
  /** The broker will end this connection in so many ms; we come back at once then. */
  drain: { reconnect_in: number };
  /** Something failed. `final`: for good; otherwise it is tried again. */
  error: CrierError;
  /** The end: with the error, or without when the application closed it. */
  closed: { error?: CrierError };
  /** Of a channel that the token subscribes to, and the application does not. */
  message: Message;
}

/** @internal */
export interface Command {
  op: string;
  id?: number;
  channel?: string;
  key?: string;
  token?: string;
  [field: string]: unknown;
}

/** Any push or reply; which fields are there depends on `op`. @internal */
export interface Push {
  op: string;
  id?: number;
  command?: string;
  channel: string;
  pattern?: string;
  data?: unknown;
  position?: string;
  code: ErrorCode;
  message: string;
  retry_after?: number;
  recovered?: boolean;
  replayed?: number;
  members?: Member[];
  member: Member;
  messages: Message[];
  count: number;
  more: boolean;
  cursor: string;
  reason?: string;
  lost?: number;
  conflated: boolean;
  session: string;
  user?: string;
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
  readonly protocol: string;
  onmessage: ((event: { data: unknown }) => void) | null;
  /** `answer`: the server's, where it refused the upgrade and we may see it. */
  onclose: ((event: { code: number; reason: string; answer?: Answer; cause?: unknown }) => void) | null;
  onerror: (() => void) | null;
  send(text: string): void;
  close(code?: number): void;
}

/** A connection of either kind, which speaks the wire's commands. @internal */
export interface Link {
  readonly transport_: TransportName;
  send_(command: Command, text: string): void;
  /** Nothing is heard of it any more. */
  close_(): void;
}

/** @internal */
export interface LinkEvents {
  push_(push: Push): void;
  /** Bytes came. */
  heard_(): void;
  /** Once; `error` is undefined when the other side could not be opened and nobody knows why. */
  lost_(error: CrierError | undefined, cause?: unknown): void;
}
