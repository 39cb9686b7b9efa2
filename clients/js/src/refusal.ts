// What an HTTP answer means that is not what was asked for. In browsers only fallback.js has it.

import type { Answer, CrierError, ErrorCode } from './errors.js';
import type { Failure } from './types.js';

const refusals: Record<number, [ErrorCode, string]> = {
  400: ['bad_request', ''],
  401: ['unauthorized', 'return a valid token from getToken'],
  403: ['forbidden', "list the page's origin in server.origins"],
  404: ['not_found', 'check the path'],
  413: ['too_large', 'send less at once'],
  421: ['misdirected', 'list the host in server.hosts'],
  429: ['limit_exceeded', 'it is tried again later'],
};

/** `worked`: the URL is right, so what somebody else says of it passes: a portal, a gateway that is set up anew. */
export function refusal(failure: Failure, { status, headers }: Answer, url: string, text: string,
  worked?: boolean): CrierError {
  if (status === 426 && text.includes('Crier')) {
    return failure('websocket_blocked', `${url} answers, but lets no WebSocket through`);
  }
  let problem: { code?: ErrorCode; detail?: string; request_id?: string } | null | undefined;
  try {
    problem = JSON.parse(text) as typeof problem;
  } catch {
    // Somebody else's page.
  }
  const after = headers.get('retry-after')!;
  const [code, advice] = refusals[status] ??
    (status < 500 ? ['not_a_crier_server', 'check the URL'] :
      ['unavailable', 'it is tried again; is the broker running?']);
  const expired = problem?.code === 'token_expired';
  return failure(expired ? 'token_expired' : code,
    `${url} answered ${[`${status} ${problem?.detail ?? ''}`.trim(), advice].filter(Boolean).join('; ')}`, {
      // 408 and 429 pass, and so do a server's own troubles; another token may be as good as any.
      final: status < 500 && !expired && !/4[02][89]/.test(`${status}`) && !(worked && !problem?.request_id),
      // RFC 9110 10.2.3: seconds, or a date.
      retryAfter: Number(after) || (Date.parse(after) - Date.now()) / 1000 || undefined,
    });
}
