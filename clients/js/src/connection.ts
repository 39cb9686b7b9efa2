// One connection that comes back: opens links, knows who we are, asks whether the link lives, and when to give up.

import { Emitter } from './emitter.js';
import { CrierError, closeError, errorOf } from './errors.js';
import type {
  Command, ConnectOptions, CrierEvents, Failure, Fallback, Link, LinkEvents, Platform, Push, State,
} from './types.js';
import { webSocketLink } from './websocket_link.js';

// An enum's values are written where they are used: a constant of its own would be larger.
const enum Fixed {
  /** Of our own `auth`; other commands begin with 1. */
  authId = 0,
  /** A connection that has lasted so long was not in vain: delays begin anew. */
  stableMs = 5000,
  /** The comments in an event stream come every 15 s, and are all that is heard of a quiet one. */
  streamQuietMs = 25_000,
  /** Nobody is sent away for longer, whatever an answer on the way says. */
  patienceMs = 300_000,
  /** Where `backoff` holds what is no number. */
  strangeMs = 1000,
  /** setTimeout takes 31 bits, and does at once what is further away. */
  timerMaxMs = 2_000_000_000,
}

const late = 'getToken does not answer';

type TimerName = 'open' | 'retry' | 'beat' | 'refresh' | 'stable';

const failure: Failure = (...error) => new CrierError(...error);

export abstract class Connection extends Emitter<CrierEvents> {
  state: State = 'connecting';
  /** Of the current connection, as members see it. */
  session = '';
  /** Whom the token names. */
  user: string | undefined;
  /** Resolves when there is a connection (the next one, after a cut); rejects when there will be none. */
  ready!: Promise<void>;

  /** @internal */
  readonly platform_: Platform;
  /** @internal */
  readonly options_: ConnectOptions;
  /** @internal */
  limits_!: Push['limits'];
  /** @internal */
  link_: Link | undefined;
  private attempt_ = 0;
  private readonly timers_: { [Name in TimerName]?: ReturnType<typeof setTimeout> | undefined } = {};
  private readonly end_ = new AbortController();
  private resolve_!: () => void;
  private reject_!: (error: CrierError) => void;
  /** Grows whenever what is on its way for an earlier link becomes void. */
  private turn_ = 0;
  private worked_: boolean | undefined;
  private token_: string | null | undefined;
  private refreshing_: boolean | undefined;
  private heard_!: number;
  private quiet_!: number;
  private asked_: number | undefined;
  private blocked_ = 0;
  /** Set while no WebSocket gets through. */
  private stream_: Fallback | undefined;
  private endTrials_: (() => void) | undefined;
  private probing_: AbortController | undefined;
  /** The next link is a WebSocket again; the fallback finishes what it has. @internal */
  protected leaving_: boolean | undefined;
  /** The next attempt needs no delay: the last link was announced to end. */
  private announced_: boolean | undefined;
  /** The broker said when to come back: nothing shall hurry us. */
  private patient_: boolean | undefined;

  /** @internal */
  constructor(platform: Platform, private readonly url_: string, options: ConnectOptions) {
    super();
    this.platform_ = platform;
    this.options_ = options;
    this.awaitReady_();
    const { signal } = this.end_;
    const wake = () => {
      if (this.state === 'connected') this.askLink_();
      // Many get their network back in the same moment.
      else if (this.timers_.retry && !this.patient_) this.after_('retry', Math.random() * 500, () => this.open_());
    };
    // All of them arrive at the window. Where there is none, the process is always awake.
    for (const name of ['online', 'offline', 'pageshow', 'visibilitychange']) {
      globalThis.addEventListener?.(name, wake, { signal });
    }
    options.signal?.addEventListener('abort', () => this.close(), { signal });
    // Listeners come first.
    this.after_('retry', 0, () => this.open_());
  }

  /** Ends it for good: what has no answer yet is rejected with `closed`. */
  close(): void {
    this.finish_();
  }

  /** @internal */
  protected abstract connected_(): void;
  /** @internal */
  protected abstract receive_(push: Push): void;
  /** @internal */
  protected abstract cut_(): void;
  /** @internal */
  protected abstract ended_(error: CrierError, failed: boolean): void;

  /** Milliseconds until the next attempt: full jitter, so that who was cut off together does not come back together.
   *  @internal */
  delay_(error?: CrierError, attempt = this.attempt_++): number {
    const { min = 500, max = 20_000 } = this.options_.backoff ?? {};
    const ms = Math.max(Math.random() * Math.min(max, min * 2 ** attempt),
      Math.min((error?.retryAfter ?? 0) * 1000, Fixed.patienceMs));
    // What is no number shall not become a storm.
    return ms >= 0 ? ms : Fixed.strangeMs;
  }

  /** Fetches a token for the connection that there is. @internal */
  refresh_(reason: 'expiring' | 'expired'): void {
    if (this.refreshing_) return;
    this.refreshing_ = true;
    this.after_('refresh', this.timeout_, () => this.tokenFailed_(failure('token_failed', late)));
    this.withToken_(reason, () => this.authenticate_(), (error) => this.tokenFailed_(error));
  }

  /** Does one of both, unless the connection has ended meanwhile. */
  private async withToken_(reason: 'connect' | 'expiring' | 'expired', then: () => void,
    otherwise: (error: CrierError) => void): Promise<void> {
    const turn = this.turn_;
    let token: string | null | undefined;
    let error: CrierError | undefined;
    try {
      token = await this.options_.getToken?.(reason);
      if (token ? typeof token !== 'string' : reason !== 'connect') throw 'return a string';
    } catch (cause) {
      error = failure('token_failed', `getToken failed: ${cause}`,
        { cause, final: !!(cause as { final?: boolean } | undefined)?.final });
    }
    if (turn !== this.turn_) return;
    if (error) return otherwise(error);
    this.token_ = token;
    then();
  }

  private tokenFailed_(error: CrierError): void {
    this.refreshing_ = false;
    if (error.final) return this.finish_(error);
    this.emit_('error', error);
    this.after_('refresh', this.delay_(error), () => this.refresh_('expiring'));
  }

  /** Without an action: not any more. */
  private after_(name: TimerName, ms = 0, action?: () => void): void {
    clearTimeout(this.timers_[name]);
    // A listener may have closed it.
    this.timers_[name] = action && this.state !== 'closed' ? setTimeout(() => {
      this.timers_[name] = undefined;
      action();
    }, Math.min(ms, Fixed.timerMaxMs)) : undefined;
  }

  private awaitReady_(): void {
    this.ready = new Promise((resolve, reject) => {
      this.resolve_ = resolve;
      this.reject_ = reject;
    });
    // Nobody needs to ask.
    this.ready.catch(() => {});
  }

  private get timeout_(): number {
    return this.options_.timeout ?? 10_000;
  }

  /** ws: → http:, wss: → https: */
  private get http_(): string {
    return this.url_.replace(/^ws/, 'http');
  }

  private open_(): void {
    if (this.options_.signal?.aborted) return this.close();
    this.turn_++;
    this.after_('open', this.timeout_, () => this.lost_(this.link_ ? undefined :
      failure('token_failed', late)));
    this.withToken_('connect', () => {
      const events = this.events_((push) => this.push_(push), (error) => this.lost_(error));
      if (this.leaving_) this.stream_ = undefined;
      this.leaving_ = false;
      try {
        this.link_ = this.stream_?.openStream(this.platform_.fetch_, this.http_, this.options_, this.token_, events,
          { closeError, failure }) ?? this.openWebSocket_(events);
      } catch (cause) {
        // Not a matter of the network: `ws:` in a page of `https:`, a header that is none.
        this.finish_(failure('bad_url', `${this.url_} cannot be opened: ${cause}`, { final: true, cause }));
      }
    }, (error) => this.lost_(error));
  }

  private openWebSocket_(events: LinkEvents): Link {
    return webSocketLink(this.platform_.socket_(this.url_, this.options_), this.url_, events);
  }

  /** Of the next link, and of no other. */
  private events_(push: LinkEvents['push'], lost: LinkEvents['lost']): LinkEvents {
    const turn = this.turn_;
    return {
      push: (message) => {
        if (turn === this.turn_) push(message);
      },
      heard: () => {
        this.heard_ = performance.now();
      },
      lost: (error) => {
        if (turn === this.turn_) lost(error);
      },
    };
  }

  private send_(command: Command): void {
    this.link_?.send(command, JSON.stringify(command));
  }

  private authenticate_(): void {
    this.send_({ op: 'auth', id: Fixed.authId, token: this.token_! });
  }

  private push_(push: Push): void {
    const { op, id } = push;
    const connected = this.state === 'connected';
    if (op === 'welcome') {
      this.session = push.session;
      this.limits_ = push.limits;
      this.quiet_ = this.options_.heartbeat ?? push.heartbeat * 1000;
      if (this.stream_) this.quiet_ = Math.max(this.quiet_, Fixed.streamQuietMs);
      this.who_(push);
      // An event stream brings another one whenever it begins anew.
      if (connected) return;
      if (this.token_) this.authenticate_();
      else this.established_();
    } else if (op === 'authenticated' && id === Fixed.authId) {
      this.refreshing_ = false;
      this.who_(push);
      this.established_();
    } else if (op === 'error' && id === Fixed.authId) {
      const { code, message, retryAfter } = errorOf(push);
      const error = failure(code, `the broker refused the token: ${message}`,
        { retryAfter, final: code === 'unauthorized' || (code === 'forbidden' && !connected) });
      // A connection speaks for one user: the token of another one takes another connection.
      this.announced_ = code === 'forbidden';
      if (connected && !this.announced_) this.tokenFailed_(error);
      else this.lost_(error);
    } else if (op === 'drain') {
      this.announced_ = true;
      this.emit_('drain', push);
    } else {
      this.receive_(push);
    }
  }

  private who_({ user, expires_in }: Push): void {
    clearTimeout(this.timers_.refresh);
    this.user = user;
    if (!expires_in || !this.options_.getToken) return;
    // Clients that came together shall not ask for tokens together.
    this.after_('refresh', (expires_in - Math.min(60, expires_in * 0.3) * (1 - Math.random() / 2)) * 1000,
      () => this.refresh_('expiring'));
  }

  private established_(): void {
    if (this.state !== 'connected') {
      this.state = 'connected';
      this.worked_ = true;
      clearTimeout(this.timers_.open);
      this.after_('stable', Fixed.stableMs, () => (this.attempt_ = 0));
      this.listen_();
      this.blocked_ = 0;
      this.resolve_();
      // What has waited goes before what is published now.
      this.connected_();
      this.emit_('connected', { session: this.session, user: this.user, transport: this.link_!.transport });
    } else {
      this.connected_();
    }
  }

  /** Silence is no proof of life: it is asked for. */
  private listen_(): void {
    const left = this.heard_ + this.quiet_ - performance.now();
    this.after_('beat', left, () => (this.heard_ + this.quiet_ > performance.now() ? this.listen_() : this.askLink_()));
  }

  private askLink_(): void {
    // Being asked again and again must not put off finding that it is dead.
    const waits = this.asked_! > this.heard_;
    this.asked_ = performance.now();
    this.send_({ op: 'ping' });
    if (!waits) this.expect_();
  }

  private expect_(asked = this.asked_!): void {
    this.after_('beat', this.stream_ ? Fixed.streamQuietMs : this.timeout_, () => {
      if (this.heard_ < asked) this.lost_(failure('heartbeat_timeout', 'it does not answer'));
      else if (this.heard_ < this.asked_!) this.expect_();
      else this.listen_();
    });
  }

  private dropLink_(): void {
    this.turn_++;
    this.refreshing_ = false;
    for (const name in this.timers_) this.after_(name as TimerName);
    this.probing_?.abort();
    this.link_?.close();
    this.link_ = undefined;
  }

  /** Without an error: looks for one. */
  private async lost_(error?: CrierError): Promise<void> {
    const opened = this.state === 'connected';
    this.dropLink_();
    const turn = this.turn_;
    if (opened) {
      this.state = 'reconnecting';
      this.awaitReady_();
      this.cut_();
      error ??= closeError(1006);
      this.emit_('disconnected', error);
    }
    error ??= await this.probe_();
    const { fallback_ } = this;
    const turned = !opened && fallback_ && (this.stream_ || error.code === 'websocket_blocked') &&
      ++this.blocked_ >= (fallback_.after ?? 3);
    // A stream that cannot be opened either is no fallback.
    const stream = turned && !this.stream_ ? await this.platform_.fallback_().catch(() => undefined) : undefined;
    if (turn !== this.turn_) return;
    if (turned) {
      this.stream_ = stream;
      this.blocked_ = 0;
      this.endTrials_?.();
      if (stream) {
        this.announced_ = true;
        this.attempt_ = 0;
        this.endTrials_ = stream.trials((trial) => this.openWebSocket_(trial), () => {
          this.endTrials_!();
          this.leaving_ = this.announced_ = true;
          this.link_?.leave!();
        }, fallback_.retry);
      }
    }
    // What has worked before may be in the hands of somebody else for a moment: a portal, a certificate's renewal.
    const passing = this.worked_ && /^(tls|not_a)_/.test(error.code);
    if ((error.final && !passing) || (error.code === 'token_expired' && !this.options_.getToken)) {
      return this.finish_(error);
    }
    this.state = 'reconnecting';
    // A server that announces each end is no reason to hurry.
    const delay = this.announced_ && !this.attempt_++ ? 0 : this.delay_(error);
    this.announced_ = false;
    this.patient_ = !!error.retryAfter;
    this.after_('retry', delay, () => this.open_());
    this.emit_('reconnecting', { attempt: this.attempt_, delay, error });
  }

  /** A browser does not tell why a WebSocket failed; the answer to a plain request does. */
  private async probe_(): Promise<CrierError> {
    const { http_: url, platform_, options_ } = this;
    // Without a token that may stand in it.
    const [place] = url.split('?') as [string];
    const { signal } = (this.probing_ = new AbortController());
    this.after_('open', this.timeout_, () => this.probing_!.abort());
    try {
      const answer = await platform_.fetch_(url, { signal }, options_);
      const text = await answer.text();
      return await platform_.fallback_().then(({ refusal }) => refusal(failure, answer, place, text, this.worked_),
        // The file is needed for a sentence as well.
        (cause) => failure('websocket_blocked', `no fallback: ${cause}; HTTP ${answer.status}`));
    } catch (cause) {
      return platform_.error_(place, cause);
    }
  }

  private get fallback_(): { after?: number; retry?: number } | false {
    return this.options_.fallback ?? {};
  }

  private finish_(error?: CrierError): void {
    if (this.state === 'closed') return;
    if (this.state === 'connected') this.awaitReady_();
    this.state = 'closed';
    this.dropLink_();
    this.endTrials_?.();
    this.end_.abort();
    const reason = error ?? failure('closed', 'close() was called', { final: true });
    this.ended_(reason, !!error);
    this.reject_(reason);
    if (error && !this.emit_('error', error)) console.error(error);
    this.emit_('closed', { error });
  }
}
