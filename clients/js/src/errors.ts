// What can go wrong, as one type: a code for programs, a sentence for people that says what to do.

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
  final?: boolean;
  /** Seconds after which it may be tried again, where the broker said so. */
  retryAfter?: number | undefined;
  channel?: string | undefined;
  /** The last position that was delivered, where it helps to go on. */
  position?: string | undefined;
  cause?: unknown;
}

export class CrierError extends Error {
  override readonly name = 'CrierError';
  readonly final: boolean;
  readonly retryAfter: number | undefined;
  readonly channel: string | undefined;
  readonly position: string | undefined;

  constructor(readonly code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.final = details.final ?? false;
    this.retryAfter = details.retryAfter;
    this.channel = details.channel;
    this.position = details.position;
  }
}

export function textOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

// protocol/transports.md: final for clients are 1002, 1003, 1007, 1008, 1009, 4001 and 4003; 4002 wants a new token;
// everything else comes back.
const closes: Record<number, [ErrorCode, string?]> = {
  1009: ['too_large', 'a message was over limits.incoming_bytes_max'],
  1012: ['restarting'],
  1013: ['unavailable'],
  4000: ['slow_consumer'],
  4001: ['unauthorized', 'give connect() a getToken that returns a valid token'],
  4002: ['token_expired'],
  4003: ['disconnected', 'a service ended this session; connect() again if that is meant to be possible'],
  4004: ['rate_limited', 'send fewer commands'],
  4005: ['heartbeat_timeout'],
};
const finalCloses = [1002, 1003, 1007, 1008, 1009, 4001, 4003];

export function closeError(code: number, reason: string): CrierError {
  const final = finalCloses.includes(code);
  const [name, advice] = closes[code] ?? [final ? 'protocol_error' : 'connection_lost'];
  return new CrierError(name, `the connection ended (${code}${reason && ' '}${reason})${advice ? `: ${advice}` : ''}`,
    { final });
}

/** What is needed of a `Response`; Node's entry brings its own. */
export interface Answer {
  readonly status: number;
  readonly headers: { get(name: string): string | null };
  readonly body: AsyncIterable<Uint8Array> | ReadableStream<Uint8Array> | null;
  text(): Promise<string>;
}

function secondsOf(header: string | null): number | undefined {
  if (!header) return undefined;
  // RFC 9110 10.2.3: seconds, or a date.
  return Math.max(0, Number(header) || (Date.parse(header) - Date.now()) / 1000) || undefined;
}

const advices: Record<number, [ErrorCode, string]> = {
  400: ['bad_request', ''],
  401: ['unauthorized', 'give connect() a getToken that returns a valid token'],
  403: ['forbidden', "is the page's origin listed in the broker's server.origins?"],
  404: ['not_found', "check the URL's path (server.paths, /message by default)"],
  413: ['too_large', 'send less at once (limits.incoming_bytes_max)'],
  421: ['misdirected', "list the URL's host in the broker's server.hosts"],
  429: ['limit_exceeded', ''],
};

/** Why an HTTP answer is not what was asked for. */
export async function refusal(answer: Answer, url: string): Promise<CrierError> {
  const text = await answer.text();
  let problem: { code?: ErrorCode; detail?: string; request_id?: string } | undefined;
  try {
    problem = (JSON.parse(text) as typeof problem | null) ?? undefined;
  } catch {
    // Somebody else's page.
  }
  const { status } = answer;
  const retryAfter = secondsOf(answer.headers.get('retry-after'));
  if (status === 426 && text.includes('Crier')) {
    return new CrierError('websocket_blocked', `${url} answers, but no WebSocket gets through to it`);
  }
  const [code, advice] = advices[status] ?? [status < 500 ? 'not_a_crier_server' : 'unavailable',
    status < 500 ? 'check the URL' : ''];
  return new CrierError((problem?.request_id && problem.code) || code,
    `${url} answered ${[status, problem?.detail, advice].filter(Boolean).join(': ')}`,
    // 408 and 429 pass; so do a server's own troubles.
    { final: status < 500 && status !== 429 && status !== 408, retryAfter });
}
