// fetch over node:http, because Node's own takes no certificates. Refusals of upgrades are read by it as well.

import * as http from 'node:http';
import * as https from 'node:https';
import { Readable } from 'node:stream';
import { CrierError, type Answer } from './errors.js';
import type { ConnectOptions, RequestOptions } from './types.js';

const bodyBytesMax = 16 * 1024 * 1024;

export function answerOf(response: http.IncomingMessage): Answer {
  return {
    status: response.statusCode,
    headers: { get: (name) => {
      const value = response.headers[name];
      return (Array.isArray(value) ? value[0] : value) ?? null;
    } },
    get body() {
      return Readable.toWeb(response);
    },
    text: async () => {
      const decoder = new TextDecoder();
      let text = '';
      for await (const chunk of response) {
        text += decoder.decode(chunk, { stream: true });
        if (text.length > bodyBytesMax) throw new Error('the answer is too long');
      }
      return text + decoder.decode();
    },
  };
}

export function request(url: string, { tls, headers }: ConnectOptions,
  init: Partial<RequestOptions>): http.ClientRequest {
  const { request } = url.startsWith('https') ? https : http;
  // A connection of its own for each: a pooled one may have died meanwhile, and takes the request with it.
  return request(url, { ...tls, agent: false, method: init.method ?? 'GET', headers: { ...headers, ...init.headers },
    ...(init.signal && { signal: init.signal }) });
}

export function fetchOverNode(url: string, init: RequestOptions, options: ConnectOptions): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request(url, options, init);
    asked.on('response', (response) => resolve(answerOf(response)));
    asked.on('error', reject);
    asked.end(init.body);
  });
}

/** Why a request failed. */
export function errorOver(url: string, cause: unknown): CrierError {
  const code = `${(cause as { code?: string }).code}`;
  if (/CERT|SIGN|TLS|SSL|EPROTO|UNABLE/.test(code)) {
    return new CrierError('tls_failed', `TLS to ${url} failed (${code}): check the certificate, or trust its ` +
      'authority (option tls.ca, or NODE_EXTRA_CA_CERTS)', { final: true, cause });
  }
  if (code.startsWith('HPE_')) {
    return new CrierError('not_a_crier_server', `${url} does not speak HTTP: check it`, { final: true, cause });
  }
  return new CrierError('unreachable', `${url} cannot be reached: ${cause}`, { cause });
}
