// One subscription of the wire, for all of the application's to the same channel: resumes from the newest position.

import { CrierError, errorOf } from './errors.js';
import type { Crier } from './crier.js';
import { isSeen } from './positions.js';
import type { Subscription } from './subscription.js';
import type { Gap, Push } from './types.js';

/** Codes that pass by themselves. */
const passing = /^(rate_limited|unavailable|timeout|internal)$/;

export class Feed {
  private readonly handles_ = new Set<Subscription>();
  /** `subscribed` has come on this link; what comes before belongs to somebody else, or to an earlier life. */
  private live_: boolean | undefined;
  private asking_: boolean | undefined;
  /** It was live before, so that what is not recovered is lost. */
  private begun_: boolean | undefined;
  private presence_: boolean | undefined;
  /** The token has subscribed to it, and the application has not. */
  private claimed_: Subscription | undefined;
  /** The newest that was seen: where the next link goes on. */
  private position_: string | undefined;
  /** Of the newest `subscribe`: replies to others are void. */
  private serial_ = 0;
  /** Refused for a moment, one after the other. */
  private tries_ = 0;
  private timer_: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly crier_: Crier, readonly name_: string) {}

  add_(handle: Subscription): void {
    const { since, last, presence } = handle.options_;
    // The wire's subscription begins where the first one wants; others get their past from the history.
    handle.behind_ = !!this.handles_.size && !!(since ?? last);
    this.handles_.delete(this.claimed_!);
    this.handles_.add(handle);
    if (this.live_) handle.join_(false, this.position_);
    if (presence && !this.presence_) {
      this.presence_ = true;
      if (this.live_ || this.asking_) this.restart_();
    } else if (presence && this.live_) {
      this.members_();
    }
    this.start_();
  }

  /** It goes on like any other, and is heard at the client. */
  claim_(push: Push): void {
    const { crier_ } = this;
    this.subscribed_(push);
    this.claimed_ = crier_.channel(this.name_).subscribe((message) => crier_.emit_('message', message));
    const tell = (gap: object) => crier_.emit_('gap', { conflated: false, ...gap } as Gap);
    this.claimed_.on('gap', tell);
    this.claimed_.on('unrecovered', tell);
  }

  remove_(handle: Subscription): void {
    this.handles_.delete(handle);
    if (this.handles_.size) return;
    if (this.live_ || this.asking_) this.leave_();
    this.end_();
  }

  /** Asks for it, unless that is done or there is no connection (yet: on a closed one it fails). `kept` is where to go
   *  on after all, if it is not the past that is refused. */
  start_(kept?: string): void {
    const [first] = this.handles_;
    if (this.live_ || this.asking_ || !first || !/ed$/.test(this.crier_.state)) return;
    this.cut_();
    this.asking_ = true;
    const serial = this.serial_;
    let { since, last } = first.options_;
    if (this.begun_) {
      since = undefined;
      if (!this.position_) last = undefined;
    }
    since = this.position_ ?? since;
    // The URL of an event stream has no place for it: the history has.
    if (last && this.crier_.link_?.transport === 'sse') {
      first.behind_ = !since;
      last = undefined;
    }
    this.crier_.command_({ op: 'subscribe', channel: this.name_, since, last, presence: this.presence_ || undefined },
      (error, reply) => {
        if (serial !== this.serial_) return;
        this.asking_ = false;
        // Listeners come first. Whoever subscribes anew at each end shall not stop everything else.
        if (error) setTimeout(() => serial === this.serial_ && this.failed_(error, kept));
        else this.subscribed_(reply!, since);
      }, true);
  }

  /** A push to this subscription. */
  receive_(push: Push): void {
    const { op, position } = push;
    if (!this.live_) {
      // Not ours: of an earlier life, or of the token.
    } else if (op === 'unsubscribed') {
      this.live_ = false;
      // `unavailable`: it goes on in another process, where the next connection will be.
      if (push.code !== 'unavailable') {
        this.end_(new CrierError(push.code, push.reason!, { channel: this.name_, final: true }));
      }
    } else if (op === 'error') {
      // An event stream that has begun anew, and may have this one no longer.
      this.cut_();
      this.failed_(errorOf(push));
    } else if (op === 'subscribed') {
      // An event stream has begun anew.
      if (push.recovered) this.position_ = position;
      else this.subscribed_(push, this.position_);
    } else if (op === 'presence') {
      this.members_(push);
    } else {
      if (position && !push.pattern) {
        if (isSeen(position, this.position_)) return;
        this.position_ = position;
      }
      this.tell_(op as 'message', op === 'join' || op === 'leave' ? push.member : push);
    }
  }

  /** The link is gone. */
  cut_(): void {
    this.serial_++;
    this.live_ = this.asking_ = false;
    clearTimeout(this.timer_);
  }

  end_(error?: CrierError): void {
    this.cut_();
    const { feeds_ } = this.crier_;
    // An error's listener may have subscribed anew.
    if (feeds_.get(this.name_) === this) feeds_.delete(this.name_);
    for (const handle of this.handles_) handle.end_(error);
  }

  private tell_(name: 'message', event: unknown): void {
    for (const handle of this.handles_) handle.receive_(name, event as never);
  }

  private subscribed_(push: Push, since?: string): void {
    const lost = !push.recovered && (this.begun_ || since);
    this.tries_ = 0;
    this.live_ = this.begun_ = true;
    this.position_ = push.position;
    // Whoever joins in a listener of these has it already.
    for (const handle of [...this.handles_]) {
      handle.receive_('subscribed', push);
      if (handle.behind_) handle.join_(true);
      else if (push.recovered) handle.receive_('recovered', push);
      else if (lost) handle.receive_('unrecovered', { ...push, since });
    }
    if (this.presence_) this.members_(push);
  }

  /** What is not told, as by event streams, or not wholly, is asked for. */
  private members_({ members, count = members?.length, more, op }: Partial<Push> = {}): void {
    if (!more && (members || op === 'presence')) {
      this.tell_('members' as 'message', { channel: this.name_, count, members });
    } else {
      this.crier_.channel(this.name_).presence().then((all) => this.tell_('members' as 'message', all),
        (error: CrierError) => error.code === 'forbidden' && this.live_ && this.failed_(error));
    }
  }

  private leave_(): void {
    this.crier_.command_({ op: 'unsubscribe', channel: this.name_ }, () => {}, true);
  }

  /** The same, with other options: both commands are carried out in this order. */
  private restart_(): void {
    this.leave_();
    this.cut_();
    this.start_();
  }

  private failed_(error: CrierError, kept?: string): void {
    // The token has subscribed to it: ours begins where we want.
    if (error.code === 'already_subscribed') return this.restart_();
    if (error.retryAfter || passing.test(error.code)) {
      // Its listeners may end it.
      this.timer_ = setTimeout(() => this.start_(), this.crier_.delay_(error, this.tries_++));
      return this.tell_('error' as 'message', error);
    }
    // Who may not read the past goes on without it.
    if (this.position_ && /^(un|forb)/.test(error.code)) {
      const { position_ } = this;
      this.position_ = undefined;
      return this.start_(position_);
    }
    // It was not the past.
    this.position_ ??= kept;
    (error as { final: boolean }).final = true;
    // Whoever wanted what may have been refused goes; the others ask without it.
    const all = [...this.handles_];
    let blamed = all.filter(({ options_ }) => options_.presence);
    if (!blamed[0] && !this.begun_) blamed = all.slice(0, 1).filter(({ options_ }) => options_.since ?? options_.last);
    if (this.live_) this.leave_();
    if (!blamed[0] || !all[blamed.length]) return this.end_(error);
    this.cut_();
    this.presence_ = false;
    for (const handle of blamed) {
      this.handles_.delete(handle);
      handle.end_(error);
    }
    this.start_();
  }
}
