// The entry for Node: a WebSocket and a fetch of its own, which show refusals and take certificates.

import { randomBytes } from 'node:crypto';
import { connectOn } from './connect.js';
import type { Crier } from './crier.js';
import * as fallback from './fallback.js';
import { errorOver, fetchOverNode } from './node_http.js';
import { NodeSocket } from './node_socket.js';
import type { ConnectOptions, Platform } from './types.js';

const platform: Platform = {
  socket_: (url, options) => new NodeSocket(url, options),
  fetch_: fetchOverNode,
  key_: () => randomBytes(16).toString('hex'),
  error_: errorOver,
  fallback_: () => Promise.resolve(fallback),
};

/** Returns at once, and connects by itself: now, and again whenever the link is lost. */
export function connect(url: string | URL, options?: ConnectOptions): Crier {
  return connectOn(platform, url, options);
}

export * from './exports.js';
