// What can go wrong, as one type: a code for programs, a sentence for people that says what to do.

import type { Push } from './types.js';

/** The wire's codes, as the broker sends them. */
export type WireCode =
  | 'bad_request' | 'unauthorized' | 'token_expired' | 'forbidden' | 'already_subscribed' | 'not_subscribed'
  | 'too_large' | 'rate_limited' | 'limit_exceeded' | 'unrecoverable_position' | 'unavailable' | 'timeout' | 'internal'
  | 'slow_consumer' | 'disconnected' | 'heartbeat_timeout' | 'not_found' | 'misdirected';

/** What this library finds by itself. */
export type ClientCode =
  | 'bad_url' | 'closed' | 'connection_lost' | 'listener_failed' | 'not_a_crier_server' | 'offline'
  | 'offline_queue_full' | 'protocol_error' | 'restarting' | 'slow_reader' | 'tls_failed' | 'token_failed'
  | 'unreachable' | 'websocket_back' | 'websocket_blocked';

export type ErrorCode = WireCode | ClientCode;

export interface ErrorDetails {
  /** Nothing will be tried again by itself. */
  readonly final?: boolean;
  /** Seconds after which it may be tried again, where the broker said so. */
  readonly retryAfter?: number | undefined;
  readonly channel?: string | undefined;
  /** Of `slow_reader`: the position of the last message that was read. */
  readonly position?: string | undefined;
  readonly cause?: unknown;
}

export class CrierError extends Error implements ErrorDetails {
  declare readonly code: ErrorCode;
  declare readonly final: boolean;
  declare readonly retryAfter: number | undefined;
  declare readonly channel: string | undefined;
  declare readonly position: string | undefined;
  declare readonly cause: unknown;

  constructor(code: ErrorCode, message: string, details?: ErrorDetails) {
    super(message);
    Object.assign(this, { name: 'CrierError', code, final: false }, details);
  }
}

// protocol/transports.md: final for clients are 1002, 1003, 1007, 1008, 1009, 4001 and 4003; 4002 wants a new token;
// everything else comes back.
const finalCloses = /100[23789]|400[13]/;
const closes: Record<number, ErrorCode> = { 1009: 'too_large', 1012: 'restarting', 1013: 'unavailable' };
const ownCloses: ErrorCode[] =
  ['slow_consumer', 'unauthorized', 'token_expired', 'disconnected', 'rate_limited', 'heartbeat_timeout'];

/** @internal */
export function closeError(code: number, reason = ''): CrierError {
  const final = finalCloses.test(`${code}`);
  return new CrierError(ownCloses[code - 4000] ?? closes[code] ?? (final ? 'protocol_error' : 'connection_lost'),
    `connection ended: ${code} ${reason}`, { final });
}

/** What is needed of a `Response`; Node's entry brings its own. @internal */
export interface Answer {
  readonly status: number;
  readonly headers: { get(name: string): string | null };
  readonly body: ReadableStream<Uint8Array> | null;
  text(): Promise<string>;
}

/** The wire's error. @internal */
export function errorOf({ code, message, channel, retry_after }: Push): CrierError {
  return new CrierError(code, message, { channel, retryAfter: retry_after });
}
