// What `channel.subscribe()` returns: events, or `for await`.

import type { Crier } from './crier.js';
import { Emitter } from './emitter.js';
import { CrierError } from './errors.js';
import type { Feed } from './feed.js';
import { isSeen } from './positions.js';
import type { Listener, Message, SubscribeOptions, SubscriptionEvents } from './types.js';

interface Reader<Data> {
  resolve_(step: IteratorResult<Message<Data>, undefined>): void;
  reject_(error: CrierError): void;
}

export class Subscription<Data = unknown> extends Emitter<SubscriptionEvents<Data>> {
  /** The newest that was delivered: store it, and subscribe with `since` later. Absent without history. */
  position: string | undefined;
  /** It wants a past that the wire's subscription does not bring. @internal */
  behind_ = false;
  private ended_ = false;
  private error_: CrierError | undefined;
  /** For whoever comes first, a listener or a reader. */
  private messages_: Message<Data>[] = [];
  private lost_ = 0;
  private listened_ = false;
  private readonly readers_: Reader<Data>[] = [];
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
    if (name === 'message' && !this.listened_) {
      this.listened_ = true;
      queueMicrotask(() => this.drain_());
    }
    return off;
  }

  /** One reader at a time; leaving the loop unsubscribes. Whoever reads so slowly that the buffer overflows gets the
   *  error `slow_reader`, whose `position` is that of the last message read. */
  [Symbol.asyncIterator](): AsyncIterator<Message<Data>, undefined> {
    let position = this.position;
    return {
      next: () => {
        const message = this.messages_.shift();
        if (message) {
          position = message.position;
          return Promise.resolve({ done: false, value: message });
        }
        if (this.lost_) {
          const error = new CrierError('slow_reader', `${this.lost_} messages came faster than they were read: subscribe ` +
            'again with `since: error.position`, or with a larger `buffer`', { channel: this.channel, position });
          this.lost_ = 0;
          this.unsubscribe();
          return Promise.reject(error);
        }
        if (this.error_) {
          const error = this.error_;
          this.error_ = undefined;
          return Promise.reject(error);
        }
        if (this.ended_) return Promise.resolve({ done: true, value: undefined });
        return new Promise((resolve, reject_) => this.readers_.push({ resolve_: (step) => {
          if (!step.done) position = step.value.position;
          resolve(step);
        }, reject_ }));
      },
      return: () => {
        this.unsubscribe();
        return Promise.resolve({ done: true, value: undefined });
      },
    };
  }

  /** @internal */
  receive_<Name extends keyof SubscriptionEvents<Data>>(name: Name, event: SubscriptionEvents<Data>[Name]): void {
    if (this.ended_) return;
    if (this.waiting_) this.waiting_.push(() => this.tell_(name, event));
    else this.tell_(name, event);
  }

  /** The wire's subscription is live at `position`, and others have it already. @internal */
  join_(position: string | undefined, told: boolean): void {
    if (this.waiting_) return;
    this.waiting_ = [];
    const behind = this.behind_;
    this.behind_ = false;
    void (behind ? this.past_() : Promise.resolve(undefined)).then((past) => {
      const waiting = this.waiting_!;
      this.waiting_ = undefined;
      const channel = this.channel;
      if (!told) this.tell_('subscribed', { channel, ...(position && { position }) });
      this.position = undefined;
      if (past?.recovered_) this.tell_('recovered', { channel, replayed: past.messages_.length });
      if (past?.recovered_ === false) this.tell_('unrecovered', { channel, since: this.options_.since!,
        ...(position && { position }) });
      for (const message of past?.messages_ ?? []) this.tell_('message', message);
      this.position ??= position;
      for (const tell of waiting) tell();
    });
  }

  /** @internal */
  end_(error?: CrierError): void {
    if (this.ended_) return;
    if (error) this.tell_('error', error);
    this.ended_ = true;
    for (const { resolve_, reject_ } of this.readers_.splice(0)) {
      if (error) reject_(error);
      else resolve_({ done: true, value: undefined });
      error = undefined;
    }
    this.error_ = error;
    this.emit_('unsubscribed', { channel: this.channel, ...(error && { code: error.code, reason: error.message }) });
  }

  /** What `since` or `last` asks for, from the history. */
  private async past_(): Promise<{ recovered_: boolean | undefined; messages_: Message<Data>[] }> {
    const { since, last } = this.options_;
    const channel = this.crier_.channel<Data>(this.channel);
    const messages_: Message<Data>[] = [];
    let recovered_: boolean | undefined;
    try {
      if (since) {
        recovered_ = false;
        for await (const message of channel.history({ since })) messages_.push(message);
        recovered_ = true;
      }
    } catch (error) {
      messages_.length = 0;
      if ((error as CrierError).code !== 'unrecoverable_position') this.tell_('error', error as CrierError);
    }
    try {
      if (last && !recovered_) {
        for await (const message of channel.history({ reverse: true, limit: last })) messages_.unshift(message);
      }
    } catch (error) {
      this.tell_('error', error as CrierError);
    }
    return { recovered_, messages_ };
  }

  private tell_<Name extends keyof SubscriptionEvents<Data>>(name: Name,
    event: SubscriptionEvents<Data>[Name]): void {
    if (this.ended_) return;
    if (name === 'message') this.message_(event as Message<Data>);
    else if (this.options_.presence || !['join', 'leave', 'members'].includes(name as string)) {
      if (name === 'subscribed') this.position = (event as { position?: string }).position;
      this.emit_(name, event);
    }
  }

  private message_(message: Message<Data>): void {
    if (message.position && !message.pattern) {
      if (isSeen(message.position, this.position)) return;
      this.position = message.position;
    }
    const reader = this.readers_.shift();
    if (reader) reader.resolve_({ done: false, value: message });
    else if (this.listened_ && !this.messages_.length) this.emit_('message', message);
    else if (this.lost_ || this.messages_.length >= (this.options_.buffer ?? 1000)) this.overflow_();
    else this.messages_.push(message);
  }

  /** What nobody reads is not kept for ever. */
  private overflow_(): void {
    this.lost_ += this.messages_.length + 1;
    this.messages_ = [];
  }

  private drain_(): void {
    if (this.lost_) this.emit_('gap', { channel: this.channel, lost: this.lost_, conflated: false });
    this.lost_ = 0;
    for (let message; (message = this.messages_.shift()); ) this.emit_('message', message);
  }
}
