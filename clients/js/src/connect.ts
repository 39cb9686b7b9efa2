import { Crier } from './crier.js';
import { CrierError } from './errors.js';
import type { ConnectOptions, Platform } from './types.js';

export function connectOn(platform: Platform, url: string | URL, options: ConnectOptions = {}): Crier {
  let href = '';
  try {
    ({ href } = new URL(url, globalThis.location?.href));
  } catch {
    // Judged below.
  }
  if (!/^(ws|http)s?:/.test(href)) {
    throw new CrierError('bad_url', `${url} is no URL of a broker: use wss://HOST/message`, { final: true });
  }
  return new Crier(platform, href.replace(/^http/, 'ws').replace(/#.*/, ''), options);
}
