// Commands that wait for a connection or for their reply.

import { CrierError } from './errors.js';
import type { Command, ConnectOptions, Link, Platform, Push } from './types.js';

/** Called once, with one of them. */
export type Done = (error: CrierError | undefined, reply: Push) => void;

interface Pending {
  command_: Command;
  text_: string;
  /** In UTF-8. */
  bytes_: number;
  /** For this connection only. */
  now_: boolean;
  /** May be sent twice: it changes nothing, or has a key. */
  again_: boolean;
  sent_: boolean;
  done_: Done;
  /** A second token will not help. */
  renewed_?: boolean;
}

/** The connection, as far as commands need it. */
export interface Carrier {
  readonly state: string;
  link_: Link | undefined;
  limits_: Push['limits'];
  refresh_(reason: 'expired'): void;
}

const encoder = new TextEncoder();
const nothing = undefined as unknown as Push;

export function errorOf({ code, message, channel, retry_after }: Push, final = false): CrierError {
  return new CrierError(code, message, { channel, retryAfter: retry_after, final });
}

export class Commands {
  /** By id, in the order in which they were given. */
  private readonly pending_ = new Map<number, Pending>();
  private last_ = 0;
  private readonly count_: number;
  private readonly bytes_: number;

  constructor(private readonly carrier_: Carrier, private readonly platform_: Platform,
    private readonly options_: ConnectOptions) {
    this.count_ = options_.offlineQueue?.count ?? 1000;
    this.bytes_ = options_.offlineQueue?.bytes ?? 1024 * 1024;
  }

  /** Now or never: for what every connection begins with. */
  sendNow_(command: Command, done_: Done): void {
    this.add_(command, true, false, done_);
  }

  /** Now, or when there is a connection. */
  send_(command: Command, done: Done): void {
    const { state } = this.carrier_;
    const fail = (code: 'closed' | 'offline', message: string) =>
      done(new CrierError(code, message, { final: code === 'closed' }), nothing);
    if (state === 'closed') return fail('closed', 'this connection is closed: connect() again');
    if (state !== 'connected') {
      if (this.options_.offline === 'reject') {
        return fail('offline', "there is no connection: await crier.ready, or use offline: 'queue'");
      }
      // It may be sent and cut off at once, so it must be safe to repeat.
      if (command.op === 'publish') command.key ??= this.platform_.key_();
    }
    this.add_(command, false, command.op !== 'publish' || command.key !== undefined, done);
  }

  private add_(command: Command, now_: boolean, again_: boolean, done_: Done): void {
    const id = (command.id = ++this.last_);
    let text_: string;
    try {
      text_ = JSON.stringify(command);
    } catch (cause) {
      return done_(new CrierError('bad_request', 'data is no JSON: it has a cycle or a BigInt', { cause }), nothing);
    }
    const bytes_ = encoder.encode(text_).length;
    const connected = this.carrier_.state === 'connected';
    if (!connected && !this.hasRoom_(bytes_)) return done_(full(), nothing);
    const pending = { command_: command, text_, bytes_, now_, again_, sent_: false, done_ };
    this.pending_.set(id, pending);
    if (connected) this.transmit_(id, pending);
  }

  private hasRoom_(bytes: number): boolean {
    let count = 1;
    for (const { sent_, bytes_ } of this.pending_.values()) {
      if (sent_) continue;
      count++;
      bytes += bytes_;
    }
    return count <= this.count_ && bytes <= this.bytes_;
  }

  private transmit_(id: number, pending: Pending): void {
    const { incoming_bytes_max: max } = this.carrier_.limits_;
    // It would end the whole connection (1009).
    if (max && pending.bytes_ > max) {
      this.pending_.delete(id);
      return pending.done_(new CrierError('too_large', `the message is over the broker's limits.incoming_bytes_max ` +
        `(${max}): send less at once`, { channel: pending.command_.channel }), nothing);
    }
    pending.sent_ = true;
    this.carrier_.link_?.send_(pending.command_, pending.text_);
  }

  /** What has waited longest goes first. */
  flush_(): void {
    for (const [id, pending] of this.pending_) {
      if (!pending.sent_ && this.carrier_.link_) this.transmit_(id, pending);
    }
  }

  /** Was it a reply? */
  reply_(push: Push): boolean {
    const pending = this.pending_.get(push.id!);
    if (!pending) return false;
    if (push.op !== 'error') {
      this.pending_.delete(push.id!);
      pending.done_(undefined, push);
    } else if (push.code === 'token_expired' && this.options_.getToken && !pending.renewed_) {
      pending.renewed_ = true;
      pending.sent_ = false;
      this.carrier_.refresh_('expired');
    } else {
      this.pending_.delete(push.id!);
      pending.done_(errorOf(push), nothing);
    }
    return true;
  }

  /** The link is gone, and nobody knows what the broker has seen of it. */
  cut_(): void {
    for (const [id, pending] of this.pending_) {
      if (!pending.sent_ && !pending.now_) continue;
      const room = this.hasRoom_(pending.bytes_);
      pending.sent_ = false;
      if (pending.again_ && room) continue;
      this.pending_.delete(id);
      pending.done_(pending.now_ ? new CrierError('connection_lost', '') : pending.again_ ? full() :
        new CrierError('timeout', 'the connection was lost before the answer: it may have been published, or not; ' +
          'with a key it would be sent again', { channel: pending.command_.channel }), nothing);
    }
  }

  end_(error: CrierError): void {
    const all = [...this.pending_.values()];
    this.pending_.clear();
    for (const { done_ } of all) done_(error, nothing);
  }
}

function full(): CrierError {
  return new CrierError('offline_queue_full',
    'too much waits for a connection already (offlineQueue.count, offlineQueue.bytes): try again when connected');
}
