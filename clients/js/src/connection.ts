// One connection that comes back: opens links, knows who we are, asks whether the link lives, and when to give up.

import { Backoff, timerMax } from './backoff.js';
import { Emitter } from './emitter.js';
import { CrierError, closeError, refusal, textOf } from './errors.js';
import { SseLink } from './sse_link.js';
import type { Command, ConnectOptions, CrierEvents, Link, LinkEvents, Platform, Push, State } from './types.js';
import { WebSocketLink } from './websocket_link.js';

/** Commands of our own have this id: the application's begin with 1. */
const authId = 0;
/** A connection that has lasted so long was not in vain: delays begin anew. */
const stableMs = 5000;
/** The broker's comments in an event stream come every 15 s, and are all that is heard of a quiet one. */
const streamQuietMs = 25_000;

type TimerName = 'open' | 'retry' | 'beat' | 'refresh' | 'stable' | 'trial';

export abstract class Connection extends Emitter<CrierEvents> {
  state: State = 'connecting';
  /** Of the current connection. */
  session = '';
  /** Whom the token names. */
  user: string | undefined;
  /** Resolves when there is a connection (the next one, after a cut); rejects when there will be none. */
  ready!: Promise<void>;

  /** @internal */
  limits_: Push['limits'] = {};
  /** @internal */
  link_: Link | undefined;
  private readonly backoff_: Backoff;
  private readonly timeout_: number;
  private readonly fallback_: { after: number; retry: number };
  private readonly timers_: { [Name in TimerName]?: ReturnType<typeof setTimeout> } = {};
  private readonly environment_ = new AbortController();
  private ready_!: { resolve_: () => void; reject_: (error: CrierError) => void };
  /** Grows whenever what is on its way for an earlier link has become void. */
  private turn_ = 0;
  private worked_ = false;
  private token_: string | undefined;
  private refreshing_ = false;
  private heard_ = 0;
  private heartbeat_ = 0;
  private blocked_ = 0;
  private sse_ = false;
  private trial_: Link | undefined;
  /** The next attempt needs no delay: the last link was announced to end. */
  private announced_ = false;
  /** The broker said when to come back: nothing shall hurry us. */
  private patient_ = false;

  /** @internal */
  constructor(private readonly platform_: Platform, protected readonly url_: URL,
    protected readonly options_: ConnectOptions) {
    super();
    const { backoff, timeout, fallback, signal } = options_;
    this.backoff_ = new Backoff(backoff?.min ?? 500, backoff?.max ?? 20_000);
    this.timeout_ = timeout ?? 10_000;
    this.fallback_ = fallback === false ? { after: Infinity, retry: 0 } : { after: 3, retry: 300_000, ...fallback };
    this.awaitReady_();
    this.watch_();
    signal?.addEventListener('abort', () => this.close(), { signal: this.environment_.signal });
    // Listeners come first.
    queueMicrotask(() => (signal?.aborted ? this.close() : void this.open_()));
  }

  /** Ends it for good: what has no answer yet is rejected with `closed`. */
  close(): void {
    this.finish_();
  }

  protected abstract connected_(): void;
  protected abstract receive_(push: Push): void;
  protected abstract cut_(error: CrierError): void;
  protected abstract ended_(error: CrierError, failed: boolean): void;

  /** @internal */
  refresh_(reason: 'expiring' | 'expired', backoff = new Backoff(1000, 20_000)): void {
    if (this.refreshing_) return;
    this.refreshing_ = true;
    const turn = this.turn_;
    void this.fetchToken_(reason).then((token) => {
      if (turn === this.turn_) this.authenticate_(token);
    }, (error: CrierError) => {
      this.refreshing_ = false;
      if (turn !== this.turn_) return;
      if (error.final) return this.finish_(error);
      this.emit_('error', error);
      this.after_('refresh', backoff.next(), () => this.refresh_(reason, backoff));
    });
  }

  private after_(name: TimerName, ms: number, action: () => void): void {
    clearTimeout(this.timers_[name]);
    this.timers_[name] = setTimeout(action, Math.min(ms, timerMax));
  }

  private awaitReady_(): void {
    this.ready = new Promise((resolve_, reject_) => {
      this.ready_ = { resolve_, reject_ };
    });
    // Nobody needs to ask.
    this.ready.catch(() => {});
  }

  private async open_(): Promise<void> {
    const turn = ++this.turn_;
    try {
      const token = await this.fetchToken_('connect');
      if (turn !== this.turn_) return;
      this.token_ = token;
    } catch (error) {
      if (turn === this.turn_) this.retry_(error as CrierError);
      return;
    }
    try {
      this.link_ = this.makeLink_(this.sse_, {
        push_: (push) => turn === this.turn_ && this.push_(push),
        heard_: () => (this.heard_ = performance.now()),
        lost_: (error, cause) => turn === this.turn_ && void this.lost_(error, cause),
      });
    } catch (cause) {
      // A page of https: may not open ws:, say.
      return this.finish_(new CrierError('bad_url', `no WebSocket to ${this.url_}: ${textOf(cause)}`,
        { final: true, cause }));
    }
    this.after_('open', this.timeout_, () => void this.lost_());
  }

  private makeLink_(sse: boolean, events: LinkEvents): Link {
    return sse ? new SseLink(this.platform_, this.http_(), this.options_, this.token_, events)
      : new WebSocketLink(this.platform_, this.url_.href, this.options_, events);
  }

  /** ws: → http:, wss: → https: */
  private http_(): string {
    return this.url_.href.replace('ws', 'http');
  }

  private async fetchToken_(reason: 'connect' | 'expiring' | 'expired'): Promise<string | undefined> {
    const { getToken } = this.options_;
    if (!getToken) return undefined;
    let timer: ReturnType<typeof setTimeout> | undefined;
    try {
      const token = await Promise.race([getToken(reason), new Promise<never>((_, reject) => {
        timer = setTimeout(() => reject(new Error(`no answer within ${this.timeout_} ms`)), this.timeout_);
      })]);
      if (!token && reason !== 'connect') throw new Error('it returned no token');
      return token ?? undefined;
    } catch (cause) {
      throw new CrierError('token_failed', `getToken failed: ${textOf(cause)}`,
        { cause, final: !!(cause as { final?: boolean } | null)?.final });
    } finally {
      clearTimeout(timer);
    }
  }

  private send_(command: Command): void {
    this.link_!.send_(command, JSON.stringify(command));
  }

  private authenticate_(token: string | undefined): void {
    this.token_ = token;
    this.send_({ op: 'auth', id: authId, token: token! });
  }

  private push_(push: Push): void {
    if (push.op === 'welcome') {
      this.session = push.session;
      this.limits_ = push.limits;
      this.heartbeat_ = this.options_.heartbeat ?? push.heartbeat * 1000;
      this.who_(push);
      // An event stream brings a welcome of its own whenever it begins anew.
      if (this.state === 'connected') return;
      if (this.token_) this.authenticate_(this.token_);
      else this.established_();
    } else if (push.op === 'authenticated' && push.id === authId) {
      this.refreshing_ = false;
      this.who_(push);
      this.established_();
    } else if (push.op === 'error' && push.id === authId) {
      this.refused_(push);
    } else if (push.op === 'drain') {
      this.announced_ = true;
      this.emit_('drain', { reconnect_in: push.reconnect_in });
    } else {
      this.receive_(push);
    }
  }

  private who_({ user, expires_in }: Push): void {
    this.user = user;
    if (expires_in === undefined || !this.options_.getToken) return;
    // Clients that came together shall not ask for tokens together.
    const ms = expires_in * 1000;
    this.after_('refresh', ms - Math.min(60_000, ms * 0.3) * (1 - Math.random() / 2), () => this.refresh_('expiring'));
  }

  private refused_({ code, message, retry_after }: Push): void {
    this.refreshing_ = false;
    const connected = this.state === 'connected';
    const error = new CrierError(code, `the broker refused the token: ${message}`, { retryAfter: retry_after,
      final: code === 'unauthorized' || (code === 'forbidden' && !connected) });
    if (error.final) {
      this.finish_(error);
    } else if (connected && code !== 'forbidden') {
      this.emit_('error', error);
      this.after_('refresh', Math.max(1, retry_after ?? 0) * 1000, () => this.refresh_('expired'));
    } else {
      // A connection speaks for one user only: the token of another one takes another connection.
      this.announced_ = connected;
      void this.lost_(error);
    }
  }

  private established_(): void {
    if (this.state !== 'connected') {
      this.state = 'connected';
      this.worked_ = true;
      const transport = this.link_!.transport_;
      clearTimeout(this.timers_.open);
      this.after_('stable', stableMs, () => (this.backoff_.attempt = 0));
      this.listen_();
      if (this.sse_) this.after_('trial', this.fallback_.retry, () => this.tryWebSocket_());
      else this.blocked_ = 0;
      this.ready_.resolve_();
      this.emit_('connected', { session: this.session, transport, ...(this.user && { user: this.user }) });
    }
    if (this.link_) this.connected_();
  }

  /** Silence is no proof of life: it is asked for. */
  private listen_(): void {
    const quiet = this.sse_ ? Math.max(this.heartbeat_, streamQuietMs) : this.heartbeat_;
    this.after_('beat', this.heard_ + quiet - performance.now(), () =>
      performance.now() - this.heard_ < quiet ? this.listen_() : this.askLink_());
  }

  private askLink_(): void {
    const asked = performance.now();
    this.send_({ op: 'ping' });
    this.after_('beat', this.sse_ ? streamQuietMs : this.timeout_, () => {
      if (this.heard_ >= asked) this.listen_();
      else void this.lost_(new CrierError('heartbeat_timeout', 'the link is dead: the broker does not answer'));
    });
  }

  private dropLink_(): void {
    this.turn_++;
    this.refreshing_ = false;
    for (const timer of Object.values(this.timers_)) clearTimeout(timer);
    this.trial_?.close_();
    this.link_?.close_();
    this.trial_ = this.link_ = undefined;
  }

  /** Without an error while it was being opened: looks for one. */
  private async lost_(error?: CrierError, cause?: unknown): Promise<void> {
    this.dropLink_();
    const turn = this.turn_;
    if (this.state === 'connected') {
      this.state = 'reconnecting';
      error ??= closeError(1006, '');
      this.awaitReady_();
      this.cut_(error);
      this.emit_('disconnected', { code: error.code, error });
    } else {
      error ??= await this.probe_(cause);
      if (turn !== this.turn_) return;
      if (error.code === 'websocket_blocked' && ++this.blocked_ >= this.fallback_.after) {
        this.sse_ = this.announced_ = true;
      }
    }
    this.retry_(error);
  }

  private retry_(error: CrierError): void {
    if (this.state as State === 'closed') return;
    const { code, retryAfter } = error;
    // What has worked before may be in the hands of somebody else for a moment: a portal, a certificate's renewal.
    const passing = this.worked_ && (code === 'tls_failed' || code === 'not_a_crier_server');
    if ((error.final && !passing) || (code === 'token_expired' && !this.options_.getToken)) return this.finish_(error);
    this.state = 'reconnecting';
    const backoff = this.backoff_.next();
    const delay = this.announced_ ? 0 : Math.max(backoff, (retryAfter ?? 0) * 1000);
    this.announced_ = false;
    this.patient_ = !!retryAfter;
    this.after_('retry', delay, () => void this.open_());
    this.emit_('reconnecting', { attempt: this.backoff_.attempt, delay: Math.round(delay), error });
  }

  /** A browser does not tell why a WebSocket failed; the answer to a plain request does. */
  private async probe_(cause?: unknown): Promise<CrierError> {
    const url = this.http_();
    const failed = (cause: unknown): CrierError | undefined => {
      const code = String((cause as { code?: string } | undefined)?.code);
      if (/CERT|SIGN|TLS|SSL|EPROTO|UNABLE/.test(code)) {
        return new CrierError('tls_failed', `TLS to ${url} failed (${code}: ${textOf(cause)}): check its certificate, ` +
          'or trust its authority (tls.ca, NODE_EXTRA_CA_CERTS)', { final: true, cause });
      }
      return code.startsWith('HPE_') ? new CrierError('not_a_crier_server', `${url} does not speak HTTP: check the URL`,
        { final: true, cause }) : undefined;
    };
    const request = (mode?: 'no-cors') => this.platform_.fetch_(url,
      { signal: AbortSignal.timeout(this.timeout_), ...(mode && { mode }) }, this.options_);
    const known = failed(cause);
    if (known) return known;
    try {
      return await refusal(await request(), url);
    } catch (cause) {
      const answers = await request('no-cors').then(() => true, () => false);
      return failed(cause) ?? new CrierError('unreachable', answers
        ? `${url} answers, but not to this page: list its origin in the broker's server.origins, unless a proxy answers ` +
          'for a broker that is down' : `${url} cannot be reached: ${textOf(cause)}`, { cause });
    }
  }

  /** A fallback is no home: looks from time to time whether a WebSocket gets through again. */
  private tryWebSocket_(): void {
    this.trial_?.close_();
    this.after_('trial', this.fallback_.retry, () => this.tryWebSocket_());
    const turn = this.turn_;
    this.trial_ = this.makeLink_(false, {
      push_: () => {
        if (turn !== this.turn_) return;
        this.sse_ = false;
        this.announced_ = true;
        void this.lost_(new CrierError('websocket_back', 'a WebSocket gets through again'));
      },
      heard_: () => {},
      lost_: () => {},
    });
  }

  private watch_(): void {
    const { signal } = this.environment_;
    const wake = () => {
      if (this.state === 'connected') this.askLink_();
      // Many get their network back in the same moment.
      else if (!this.link_ && !this.patient_) this.after_('retry', Math.random() * 500, () => void this.open_());
    };
    const listen = (target: EventTarget | undefined, name: string, action: () => void) =>
      target?.addEventListener?.(name, action, { signal });
    listen(globalThis as unknown as EventTarget, 'online', wake);
    listen(globalThis as unknown as EventTarget, 'offline', () => this.state === 'connected' && this.askLink_());
    listen(globalThis as unknown as EventTarget, 'pageshow', wake);
    listen(globalThis.document, 'visibilitychange', () => globalThis.document.visibilityState === 'visible' && wake());
  }

  private finish_(error?: CrierError): void {
    if (this.state === 'closed') return;
    this.state = 'closed';
    this.dropLink_();
    this.environment_.abort();
    const reason = error ?? new CrierError('closed', 'the application closed the connection', { final: true });
    this.ended_(reason, !!error);
    this.ready_.reject_(reason);
    if (error && !this.emit_('error', error)) console.error(error);
    this.emit_('closed', error ? { error } : {});
  }
}
