import { Channel } from './channel.js';
import { Commands, errorOf } from './commands.js';
import { Connection } from './connection.js';
import { CrierError, textOf } from './errors.js';
import type { Feed } from './feed.js';
import type {
  BroadcastResult, Command, ConnectOptions, Message, Platform, PublishOptions, Push,
} from './types.js';

export class Crier extends Connection {
  /** By the names of their channels. @internal */
  readonly feeds_ = new Map<string, Feed>();
  /** @internal */
  readonly commands_: Commands;
  /** Channels that the token subscribes to. */
  private claimed_ = new Set<string>();

  /** @internal */
  constructor(platform: Platform, url: URL, options: ConnectOptions) {
    super(platform, url, options);
    this.commands_ = new Commands(this, platform, options);
  }

  channel<Data = unknown>(name: string): Channel<Data> {
    return new Channel<Data>(this, name);
  }

  /** One message to many channels, at most 1000: a result for each, in their order. */
  async broadcast(channels: string[], data: unknown, options?: PublishOptions): Promise<BroadcastResult[]> {
    return (await this.ask_({ op: 'publish', channels, data, ...options })).results;
  }

  /** @internal */
  ask_(command: Command): Promise<Push> {
    return new Promise((resolve, reject) => {
      this.commands_.send_(command, (error, reply) => (error ? reject(error) : resolve(reply)));
    });
  }

  /** @internal */
  protected override connected_(): void {
    for (const feed of [...this.feeds_.values()]) feed.start_();
    this.commands_.flush_();
  }

  /** @internal */
  protected override receive_(push: Push): void {
    if (push.id !== undefined && this.commands_.reply_(push)) return;
    const feed = this.feeds_.get(push.pattern ?? push.channel);
    if (push.op === 'error') {
      this.emit_('error', errorOf(push));
    } else if (feed) {
      feed.receive_(push);
    } else if (push.op === 'subscribed' && push.id === undefined) {
      this.claimed_.add(push.channel);
    } else if (push.op === 'message' && this.claimed_.has(push.pattern ?? push.channel)) {
      const { op: _, ...message } = push as Push & Message;
      this.emit_('message', message);
    }
  }

  /** @internal */
  protected override cut_(): void {
    this.claimed_.clear();
    // First: what they have asked for becomes void, and no failure.
    for (const feed of this.feeds_.values()) feed.cut_();
    this.commands_.cut_();
  }

  /** @internal */
  protected override ended_(error: CrierError, failed: boolean): void {
    this.commands_.end_(error);
    for (const feed of [...this.feeds_.values()]) feed.end_(error, failed);
  }
}

/** @internal */
export function connectOn(platform: Platform, url: string | URL, options: ConnectOptions = {}): Crier {
  let parsed: URL;
  try {
    parsed = new URL(url, globalThis.location?.href);
  } catch (cause) {
    throw new CrierError('bad_url', `${url} is no URL: ${textOf(cause)}; write wss://HOST/message`, { final: true, cause });
  }
  parsed.protocol = parsed.protocol.replace('http', 'ws');
  if (!/^wss?:$/.test(parsed.protocol)) {
    throw new CrierError('bad_url', `${url} has a scheme that is none of wss:, ws:, https:, http:`, { final: true });
  }
  parsed.hash = '';
  return new Crier(platform, parsed, options);
}
