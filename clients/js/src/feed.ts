// One subscription of the wire, for all of the application's to the same channel: resumes from the newest position.

import { Backoff } from './backoff.js';
import { CrierError } from './errors.js';
import type { Crier } from './crier.js';
import { isSeen } from './positions.js';
import type { Subscription } from './subscription.js';
import type { Message, Push } from './types.js';

/** Codes that pass by themselves. */
const passing = ['rate_limited', 'unavailable', 'timeout', 'internal'];

export class Feed {
  readonly handles_ = new Set<Subscription>();
  /** `subscribed` has come on this link; what comes before belongs to somebody else, or to an earlier life. */
  live_ = false;
  /** The newest that was seen: where the next link goes on. */
  position_: string | undefined;
  presence_ = false;
  private asking_ = false;
  /** Of the newest `subscribe`: replies to others are void. */
  private serial_ = 0;
  /** It was live before, so that what is not recovered is lost. */
  begun_ = false;
  private readonly backoff_ = new Backoff(1000, 20_000);
  private timer_: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly crier_: Crier, readonly name_: string) {}

  add_(handle: Subscription): void {
    const { since, last, presence } = handle.options_;
    // The wire's subscription begins where the first one wants; others get their past from the history.
    handle.behind_ = !!this.handles_.size && !!(since ?? last);
    this.handles_.add(handle);
    if (this.live_) handle.join_(this.position_, false);
    if (presence && this.presence_ && this.live_) this.members_();
    if (presence && !this.presence_) {
      this.presence_ = true;
      if (this.live_ || this.asking_) return this.restart_();
    }
    this.start_();
  }

  remove_(handle: Subscription): void {
    this.handles_.delete(handle);
    if (this.handles_.size) return;
    clearTimeout(this.timer_);
    this.crier_.feeds_.delete(this.name_);
    if (this.live_ || this.asking_) this.ask_('unsubscribe');
  }

  /** Asks for it, unless that is done or there is no connection. */
  start_(): void {
    if (this.live_ || this.asking_ || this.crier_.state !== 'connected') return;
    clearTimeout(this.timer_);
    this.asking_ = true;
    const serial = ++this.serial_;
    const [first] = this.handles_;
    const { since: wanted, last } = first!.options_;
    const since = this.position_ ?? (this.begun_ ? undefined : wanted);
    // Over the fallback the URL has no place for `last`: such a handle asks the history.
    const inUrl = this.crier_.link_!.transport_ === 'sse';
    if (inUrl && last && !since) first!.behind_ = true;
    this.crier_.commands_.sendNow_({ op: 'subscribe', channel: this.name_, since,
      last: inUrl || (this.begun_ && !since) ? undefined : last, presence: this.presence_ || undefined },
    (error, reply) => {
      if (serial !== this.serial_ || !this.handles_.size) return;
      this.asking_ = false;
      if (error) this.failed_(error);
      else this.subscribed_(reply, since);
    });
  }

  /** On this link, or on an event stream that has begun anew. */
  subscribed_({ position, recovered, replayed, members, more }: Push, since = this.position_): void {
    const resumed = this.begun_ || since !== undefined;
    this.live_ = this.begun_ = true;
    this.position_ = position;
    this.backoff_.attempt = 0;
    const channel = this.name_;
    const at = { channel, ...(position && { position }) };
    for (const handle of this.handles_) {
      handle.receive_('subscribed', { ...at, ...(recovered !== undefined && { recovered }),
        ...(replayed !== undefined && { replayed }) });
      if (handle.behind_) handle.join_(position, true);
      else if (recovered) handle.receive_('recovered', { channel, replayed: replayed ?? 0 });
      else if (resumed) handle.receive_('unrecovered', { ...at, ...(since && { since }) });
    }
    // The list of an event stream's members, and the rest of a long one, are asked for.
    if (this.presence_) this.members_(more ? undefined : members);
  }

  /** A push to this subscription. */
  receive_(push: Push): void {
    const { op, position, pattern, lost, conflated, member } = push;
    if (op === 'unsubscribed') return this.unsubscribed_(push);
    if (!this.live_) return;
    if (op === 'subscribed') {
      if (push.recovered) this.position_ = position;
      else this.subscribed_(push);
    } else if (op === 'message') {
      if (!pattern && position) {
        if (isSeen(position, this.position_)) return;
        this.position_ = position;
      }
      // The wire's object, without what is the wire's only.
      const { op: _, ...message } = push as Push & Message;
      this.tell_('message', message);
    } else if (op === 'gap') {
      this.position_ = position ?? this.position_;
      this.tell_('gap', { channel: this.name_, conflated, ...(lost !== undefined && { lost }) });
    } else if (op === 'presence') {
      this.members_(push.members, push.count);
    } else if (op === 'join' || op === 'leave') {
      this.tell_(op, member);
    }
  }

  /** The link is gone. */
  cut_(): void {
    this.serial_++;
    this.live_ = this.asking_ = false;
    clearTimeout(this.timer_);
  }

  end_(error: CrierError, failed: boolean): void {
    clearTimeout(this.timer_);
    this.crier_.feeds_.delete(this.name_);
    for (const handle of [...this.handles_]) handle.end_(failed ? error : undefined);
    this.handles_.clear();
  }

  private tell_<Name extends 'message' | 'gap' | 'join' | 'leave'>(name: Name,
    event: Parameters<Subscription['receive_']>[1]): void {
    for (const handle of this.handles_) handle.receive_(name, event as never);
  }

  private members_(members?: Push['members'], count?: number): void {
    const channel = this.name_;
    const tell = (event: { channel: string; count: number; members?: NonNullable<Push['members']> }) => {
      for (const handle of this.handles_) handle.receive_('members', event);
    };
    if (members || count !== undefined) tell({ channel, count: count ?? members!.length, ...(members && { members }) });
    else this.crier_.channel(channel).presence().then(tell, () => {});
  }

  private ask_(op: 'unsubscribe'): void {
    this.crier_.commands_.sendNow_({ op, channel: this.name_ }, () => {});
  }

  /** The same, with other options: both commands are carried out in this order. */
  private restart_(): void {
    this.ask_('unsubscribe');
    this.live_ = this.asking_ = false;
    this.start_();
  }

  private failed_(error: CrierError): void {
    // The token has subscribed to it: ours begins where we want.
    if (error.code === 'already_subscribed') return this.restart_();
    if (!passing.includes(error.code)) return this.end_(error, true);
    for (const handle of this.handles_) handle.receive_('error', error);
    this.timer_ = setTimeout(() => this.start_(), Math.max(this.backoff_.next(), (error.retryAfter ?? 0) * 1000));
  }

  private unsubscribed_({ code, reason }: Push): void {
    this.live_ = false;
    // It goes on in another process: the next connection is there.
    if (code !== 'unavailable') {
      this.end_(new CrierError(code, reason ?? 'the broker ended the subscription', { channel: this.name_, final: true }),
        true);
    }
  }
}
