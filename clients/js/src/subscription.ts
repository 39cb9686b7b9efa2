// What `channel.subscribe()` returns: events, or `for await`.

import type { Crier } from './crier.js';
import { Emitter } from './emitter.js';
import { CrierError } from './errors.js';
import type { Feed } from './feed.js';
import { isSeen } from './positions.js';
import type { HistoryOptions, Listener, Message, SubscribeOptions, SubscriptionEvents } from './types.js';

export class Subscription<Data = unknown> extends Emitter<SubscriptionEvents<Data>> {
  /** The newest that was delivered: store it, and subscribe with `since` later. Absent without history. */
  position: string | undefined;
  /** It wants a past that the wire's subscription does not bring. @internal */
  behind_: boolean | undefined;
  private ended_: boolean | undefined;
  private error_: CrierError | undefined;
  /** For whoever comes first, a listener or a reader. */
  private messages_: Message<Data>[] = [];
  private lost_ = 0;
  /** The newest that came: `position` follows when it is read. */
  private seen_: string | undefined;
  private wake_: (() => void) | undefined;
  private turn_: Promise<unknown> = Promise.resolve();
  /** What must not be told yet. */
  private waiting_: (() => void)[] | undefined;

  /** @internal */
  constructor(private readonly crier_: Crier, private readonly feed_: Feed, readonly options_: SubscribeOptions) {
    super();
  }

  get channel(): string {
    return this.feed_.name_;
  }

  /** No message follows. */
  unsubscribe(): void {
    if (this.ended_) return;
    this.feed_.remove_(this as unknown as Subscription);
    this.end_();
  }

  override on<Name extends keyof SubscriptionEvents<Data>>(name: Name,
    listener: Listener<SubscriptionEvents<Data>[Name]>): () => void {
    const off = super.on(name, listener);
    // What came before it has waited; other listeners of this moment get it too.
    if (name === 'message') queueMicrotask(() => this.drain_());
    return off;
  }

  /** For one reader; leaving the loop unsubscribes. Whoever reads so slowly that the buffer overflows reads what is in
   *  it, and then gets the error `slow_reader`, whose `position` is that of the last message read. */
  [Symbol.asyncIterator](): AsyncIterator<Message<Data>, void> {
    const read = async (): Promise<IteratorResult<Message<Data>, void>> => {
      for (;;) {
        const value = this.messages_.shift();
        if (value) {
          if (!value.pattern) this.position = value.position;
          return { value };
        }
        const { channel, position, lost_ } = this;
        if (lost_) {
          this.unsubscribe();
          throw new CrierError('slow_reader', `${lost_} messages over buffer: subscribe since error.position`,
            { channel, position });
        }
        if (this.ended_) {
          if (this.error_) throw this.error_;
          return { done: true, value: undefined };
        }
        await new Promise<void>((resolve) => (this.wake_ = resolve));
      }
    };
    return {
      // One at a time, also of several readers.
      next: () => (this.turn_ = (this.turn_ as ReturnType<typeof read>).then(read, read)),
      return: () => {
        this.unsubscribe();
        this.messages_ = [];
        this.lost_ = 0;
        this.error_ = undefined;
        return read();
      },
    };
  }

  /** @internal */
  receive_<Name extends keyof SubscriptionEvents<Data>>(name: Name, event: SubscriptionEvents<Data>[Name]): void {
    if (this.waiting_) this.waiting_.push(() => this.tell_(name, event));
    else this.tell_(name, event);
  }

  /** Others have it already, live at `position`; or it has to fetch its past. @internal */
  async join_(told: boolean, position = this.position): Promise<void> {
    if (this.waiting_) return;
    const waiting: (() => void)[] = (this.waiting_ = []);
    const { channel, behind_, options_: { since, last } } = this;
    const past: Message<Data>[] = [];
    const read = async (options: HistoryOptions): Promise<void> => {
      for await (const message of this.crier_.channel<Data>(channel).history(options)) {
        // What is newer comes by itself: it is no part of the past, and must not make what is between seem seen.
        if (isSeen(message.position!, position)) past.push(message);
      }
    };
    let news: 'recovered' | 'unrecovered' | '' | undefined;
    this.behind_ = false;
    try {
      // Listeners come first.
      await undefined;
      if (behind_ && since) {
        news = await read({ since }).then(() => 'recovered', (error: CrierError) => {
          if (error.code !== 'unrecoverable_position') throw error;
          return 'unrecovered';
        });
      }
      if (behind_ && last && news !== 'recovered') await read({ reverse: true, limit: last });
      if (news !== 'recovered') past.reverse();
    } catch (error) {
      this.tell_('error', error as CrierError);
      past.length = 0;
      news = since && 'unrecovered';
    }
    this.waiting_ = undefined;
    if (!told) this.tell_('subscribed', { channel, position });
    if (news) this.tell_(news, { channel, since, position, replayed: past.length });
    // What was asked for may be newer than where the others are.
    this.position = this.seen_ = news === 'recovered' ? since : undefined;
    for (const message of past) this.tell_('message', message);
    this.seen_ ??= position;
    if (!this.messages_[0]) this.position ??= position;
    for (const tell of waiting) tell();
  }

  /** @internal */
  end_(error?: CrierError): void {
    if (this.ended_) return;
    if (error && !this.emit_('error', error) && !this.wake_ && this.crier_.state !== 'closed') console.error(error);
    this.ended_ = true;
    this.error_ = error;
    this.wake_?.();
    this.emit_('unsubscribed', { channel: this.channel, code: error?.code, reason: error?.message });
  }

  private tell_<Name extends keyof SubscriptionEvents<Data>>(name: Name,
    event: SubscriptionEvents<Data>[Name]): void {
    if (this.ended_ || (!this.options_.presence && /^(jo|lea|mem)/.test(name as string))) return;
    const { position, pattern } = event as Partial<Message>;
    const message = name === 'message';
    // Messages have one, or the whole channel has none; a gap has the first of a new epoch.
    if (!pattern && (position || name === 'subscribed')) {
      const seen = isSeen(position, this.seen_);
      if (seen && message) return;
      const news = !seen || name === 'unrecovered';
      if (news) this.seen_ = position;
      // What waits has not been delivered.
      if (!message && news && !this.messages_[0]) this.position = position;
    }
    if (!message) {
      this.emit_(name, event);
    } else if (!this.messages_[0] && this.hears_(name)) {
      this.hear_(event as Message<Data>);
    } else {
      // Without a listener it waits for a reader, but not for ever.
      if (this.lost_ || this.messages_.length >= (this.options_.buffer ?? 1000)) this.lost_++;
      else this.messages_.push(event as Message<Data>);
      this.wake_?.();
    }
  }

  private hear_(message: Message<Data>): void {
    if (!message.pattern) this.position = message.position;
    this.emit_('message', message);
  }

  private drain_(): void {
    while (!this.ended_ && this.messages_[0] && this.hears_('message')) this.hear_(this.messages_.shift()!);
    if (this.ended_ || this.messages_[0] || !this.lost_) return;
    this.emit_('gap', { channel: this.channel, lost: this.lost_, conflated: false });
    this.lost_ = 0;
  }
}
