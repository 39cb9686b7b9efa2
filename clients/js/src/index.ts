// The entry for browsers, and for everything else that has WebSocket and fetch.

import { connectOn, type Crier } from './crier.js';
import type { ConnectOptions, Platform, Socket } from './types.js';
import { subprotocol } from './websocket_link.js';

const platform: Platform = {
  socket_: (url) => new WebSocket(url, subprotocol) as unknown as Socket,
  fetch_: (url, init) => fetch(url, { cache: 'no-store', credentials: 'omit', ...init }),
  key_: () => crypto.getRandomValues(new Uint32Array(4)).join('-'),
};

/** Returns at once, and connects by itself: now, and again whenever the link is lost. */
export function connect(url: string | URL, options?: ConnectOptions): Crier {
  return connectOn(platform, url, options);
}

export * from './exports.js';
