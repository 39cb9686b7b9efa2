// The entry for browsers, and for everything else that has WebSocket and fetch.

import { connectOn } from './connect.js';
import type { Crier } from './crier.js';
import { CrierError } from './errors.js';
import type { ConnectOptions, Platform, Socket } from './types.js';
import { subprotocol } from './websocket_link.js';

const platform: Platform = {
  socket_: (url) => new WebSocket(url, subprotocol) as unknown as Socket,
  fetch_: (url, init) => fetch(url, { cache: 'no-store', ...init }),
  key_: () => crypto.getRandomValues(new Uint32Array(4)).join('-'),
  // A page cannot tell the two apart.
  error_: (url, cause) => new CrierError('unreachable',
    `${url} cannot be reached, or does not list this page in server.origins: ${cause}`, { cause }),
  fallback_: () => import('./fallback.js'),
};

/** Returns at once, and connects by itself: now, and again whenever the link is lost. */
export function connect(url: string | URL, options?: ConnectOptions): Crier {
  return connectOn(platform, url, options);
}

export * from './exports.js';
