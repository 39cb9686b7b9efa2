// What `connect()` returns: commands that wait for a connection or for their reply, and what comes in for whom.

import { Channel } from './channel.js';
import { Connection } from './connection.js';
import { CrierError, errorOf } from './errors.js';
import { Feed } from './feed.js';
import type { BroadcastResult, Command, PublishOptions, Push } from './types.js';

/** Called once, with one of them. */
type Done = (error: CrierError | undefined, reply?: Push) => void;

interface Pending {
  readonly command_: Command;
  readonly text_: string;
  /** In UTF-8. */
  readonly bytes_: number;
  /** For this connection only. */
  readonly now_: boolean | undefined;
  readonly done_: Done;
  /** false: it waits for a connection. */
  sent_?: boolean;
  /** A second new token will not help. */
  renewed_?: boolean;
}

export class Crier extends Connection {
  /** By the names of their channels. @internal */
  readonly feeds_ = new Map<string, Feed>();
  /** By id, in the order in which they were given. */
  private readonly pending_ = new Map<number, Pending>();
  private lastId_ = 0;
  private waiting_ = 0;
  private waitingBytes_ = 0;

  channel<Data = unknown>(name: string): Channel<Data> {
    return new Channel<Data>(this, name);
  }

  /** @internal */
  feed_(name: string): Feed {
    let feed = this.feeds_.get(name);
    if (!feed) this.feeds_.set(name, (feed = new Feed(this, name)));
    return feed;
  }

  /** One message to many channels, at most 1000: a result for each, in their order. */
  async broadcast(channels: string[], data: unknown, options?: PublishOptions): Promise<BroadcastResult[]> {
    return (await this.ask_({ op: 'publish', channels, data, ...options })).results;
  }

  /** @internal */
  ask_(command: Command): Promise<Push> {
    return new Promise((resolve, reject) => {
      this.command_(command, (error, reply) => (error ? reject(error) : resolve(reply!)));
    });
  }

  /** Sends it now, or (unless `now`) as soon as there is a connection. @internal */
  command_(command: Command, done_: Done, now_?: boolean): void {
    const fail = (code: CrierError['code'], message: string) =>
      done_(new CrierError(code, message, { channel: command.channel, final: code === 'closed' }));
    const { state } = this;
    const held = state !== 'connected' || (this.leaving_ && !now_);
    if (state === 'closed') return fail('closed', 'connect() again');
    if (state !== 'connected' && this.options_.offline === 'reject') return fail('offline', 'await crier.ready');
    // What has waited may be sent and cut off at once, so it must be safe to repeat.
    if (held && command.op === 'publish') command.key ??= this.platform_.key_();
    const id = (command.id = ++this.lastId_);
    let text_;
    try {
      text_ = JSON.stringify(command);
      // The broker could not say whose it is.
      if (/[^\\](\\\\)*\\ud/.test(text_)) throw 'half of a surrogate pair';
    } catch (cause) {
      return fail('bad_request', `data is no JSON: ${cause}`);
    }
    const pending = { command_: command, text_, bytes_: new TextEncoder().encode(text_).length, now_, done_ };
    if (held && !this.wait_(pending)) {
      return fail('offline_queue_full', 'await crier.ready: offlineQueue is full');
    }
    this.pending_.set(id, pending);
    if (!held) this.transmit_(pending);
  }

  /** Is there room for it? */
  private wait_(pending: Pending): boolean {
    const { count = 1000, bytes = 1 << 20 } = this.options_.offlineQueue ?? {};
    if (this.waiting_ >= count || this.waitingBytes_ + pending.bytes_ > bytes) return false;
    this.waiting_++;
    this.waitingBytes_ += pending.bytes_;
    pending.sent_ = false;
    return true;
  }

  /** It waits no more. */
  private go_(pending: Pending): void {
    if (pending.sent_ === false) {
      this.waiting_--;
      this.waitingBytes_ -= pending.bytes_;
    }
    pending.sent_ = true;
  }

  private transmit_(pending: Pending): void {
    const max = this.limits_.incoming_bytes_max;
    this.go_(pending);
    // It would end the whole connection (1009).
    if (max && pending.bytes_ > max) this.settle_(pending, new CrierError('too_large',
      `over limits.incoming_bytes_max: ${max}`));
    else this.link_?.send(pending.command_, pending.text_);
  }

  private settle_(pending: Pending, error?: CrierError, reply?: Push): void {
    this.go_(pending);
    this.pending_.delete(pending.command_.id!);
    pending.done_(error, reply);
  }

  /** What has waited longest goes first. @internal */
  protected override connected_(): void {
    for (const feed of [...this.feeds_.values()]) feed.start_();
    for (const pending of this.pending_.values()) if (!pending.sent_) this.transmit_(pending);
  }

  /** @internal */
  protected override receive_(push: Push): void {
    const pending = this.pending_.get(push.id!);
    const failed = push.op === 'error';
    const name = push.pattern ?? push.channel;
    const feed = this.feeds_.get(name);
    if (pending && push.code === 'token_expired' && this.options_.getToken && !pending.renewed_ &&
      this.wait_(pending)) {
      pending.renewed_ = true;
      this.refresh_('expired');
    } else if (pending) {
      this.settle_(pending, failed ? errorOf(push) : undefined, push);
    } else if (feed) {
      feed.receive_(push);
    } else if (failed) {
      this.emit_('error', errorOf(push));
    } else if (push.op === 'subscribed') {
      // By the token.
      this.feed_(name).claim_(push);
    }
  }

  /** Nobody knows what the broker has seen of what was sent. @internal */
  protected override cut_(): void {
    // First: what they have asked for becomes void, and no failure.
    for (const feed of this.feeds_.values()) feed.cut_();
    for (const pending of this.pending_.values()) {
      const { command_, now_ } = pending;
      const again = !now_ && (command_.op !== 'publish' || command_.key);
      if (!pending.sent_ && !now_) continue;
      if (!again || !this.wait_(pending)) this.settle_(pending, new CrierError('timeout',
        'cut off before the answer; with a key it is repeated', { channel: command_.channel }));
    }
  }

  /** @internal */
  protected override ended_(error: CrierError, failed: boolean): void {
    for (const feed of [...this.feeds_.values()]) feed.end_(failed ? error : undefined);
    for (const pending of this.pending_.values()) this.settle_(pending, error);
  }
}
