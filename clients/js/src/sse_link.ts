// Where no WebSocket gets through: an event stream for what comes, POST for what goes, behind the same commands.
// A stream's channels are in its URL, so another set of channels takes another stream, which resumes by `since`.

import { CrierError, closeError, refusal } from './errors.js';
import type { Answer } from './errors.js';
import type { Command, ConnectOptions, Link, LinkEvents, Platform, Push } from './types.js';

const channelsMax = 32;
const batchCommandsMax = 100;
const batchCharsMax = 200_000;

interface StreamChannel {
  since_: string | undefined;
  /** Of the `subscribe` that has no reply yet. */
  id_: number | undefined;
}

export class SseLink implements Link {
  readonly transport_ = 'sse';
  private readonly channels_ = new Map<string, StreamChannel>();
  private readonly end_ = new AbortController();
  private stream_: AbortController | undefined;
  private scheduled_ = false;
  private session_ = '';
  private outgoing_: { id: number; text: string }[] = [];
  private posting_ = false;

  constructor(private readonly platform_: Platform, private readonly url_: string,
    private readonly options_: ConnectOptions, private token_: string | undefined,
    private readonly events_: LinkEvents) {
    void this.guard_(async () => {
      const answer = await this.request_(url_, { 'Content-Type': 'application/json' }, '{"op":"ping"}');
      if (answer.status !== 200 || !(await answer.text()).includes('"pong"')) throw await refusal(answer, url_);
      events_.push_({ op: 'welcome', session: '', heartbeat: 25, limits: {} } as Push);
    });
  }

  send_(command: Command, text: string): void {
    const { op, id = 0, channel = '' } = command;
    if (op === 'auth') {
      this.token_ = command.token;
      this.schedule_();
      this.reply_({ op: 'authenticated', id });
    } else if (op === 'subscribe') {
      if (this.channels_.size === channelsMax && !this.channels_.has(channel)) {
        this.refuse_(channel, id, new CrierError('limit_exceeded',
          `an event stream has at most ${channelsMax} channels, and no WebSocket gets through: unsubscribe first`));
      } else {
        this.channels_.set(channel, { since_: command['since'] as string | undefined, id_: id });
        this.schedule_();
      }
    } else if (op === 'unsubscribe') {
      this.channels_.delete(channel);
      this.schedule_();
      this.reply_({ op: 'unsubscribed', id, channel });
    } else if (op !== 'ping' || !this.stream_) {
      // A POST belongs to no session: what it shall not echo excludes that of the stream.
      this.outgoing_.push({ id, text: command['echo'] === false && this.session_
        ? JSON.stringify({ ...command, echo: undefined, exclude: this.session_ }) : text });
      if (!this.posting_) void this.guard_(() => this.post_());
    }
  }

  close_(): void {
    this.end_.abort();
    this.stream_?.abort();
  }

  private reply_(push: object): void {
    this.events_.push_(push as Push);
  }

  private refuse_(channel: string, id: number, { code, message }: CrierError): void {
    this.reply_({ op: 'error', id, command: 'subscribe', channel, code, message });
  }

  /** Whatever goes wrong ends the link, unless that has ended it. */
  private async guard_(action: () => Promise<void>, signal = this.end_.signal): Promise<void> {
    try {
      await action();
    } catch (cause) {
      if (signal.aborted || this.end_.signal.aborted) return;
      this.close_();
      this.events_.lost_(cause instanceof CrierError ? cause : closeError(1006, ''), cause);
    }
  }

  private request_(url: string, headers: Record<string, string>, body?: string,
    signal = this.end_.signal): Promise<Answer> {
    if (this.token_) headers['Authorization'] = `Bearer ${this.token_}`;
    return this.platform_.fetch_(url, body === undefined ? { headers, signal } :
      { method: 'POST', headers, body, signal }, this.options_);
  }

  private async post_(): Promise<void> {
    this.posting_ = true;
    while (this.outgoing_.length) {
      let count = 0;
      for (let chars = 0; count < this.outgoing_.length && count < batchCommandsMax; count++) {
        chars += this.outgoing_[count]!.text.length;
        if (count && chars > batchCharsMax) break;
      }
      const batch = this.outgoing_.splice(0, count);
      const texts = batch.map(({ text }) => text);
      const answer = await this.request_(this.url_, { 'Content-Type': 'application/json' },
        count > 1 ? `[${texts.join()}]` : texts[0]!);
      const text = await answer.text();
      if (!this.stream_) this.events_.heard_();
      // Commands have replies in this order, also where a fault lies in one; without any the request was refused.
      if (text.startsWith('{"op"') || text.startsWith('[{"op"')) {
        for (const reply of [JSON.parse(text) as Push | Push[]].flat()) this.reply_(reply);
      } else {
        const { code, message, retryAfter } = await refusal({ status: answer.status, headers: answer.headers,
          body: null, text: () => Promise.resolve(text) }, this.url_);
        for (const { id } of batch) this.reply_({ op: 'error', id, code, message, retry_after: retryAfter });
      }
    }
    this.posting_ = false;
  }

  /** What changes in the same moment takes one new stream. */
  private schedule_(): void {
    if (this.scheduled_) return;
    this.scheduled_ = true;
    setTimeout(() => {
      this.scheduled_ = false;
      this.stream_?.abort();
      this.stream_ = undefined;
      if (!this.channels_.size || this.end_.signal.aborted) return;
      const { signal } = (this.stream_ = new AbortController());
      void this.guard_(() => this.read_(signal), signal);
    }, 0);
  }

  private async read_(signal: AbortSignal): Promise<void> {
    const query = [...this.channels_].map(([channel, { since_ }]) =>
      `channel=${encodeURIComponent(channel)}${since_ ? `&since=${encodeURIComponent(since_)}` : ''}`).join('&');
    const answer = await this.request_(`${this.url_}${this.url_.includes('?') ? '&' : '?'}${query}`,
      { Accept: 'text/event-stream' }, undefined, signal);
    if (answer.status !== 200) return this.refused_(await refusal(answer, this.url_));
    const decoder = new TextDecoder();
    let rest = '';
    let data = '';
    let delay: number | undefined;
    for await (const bytes of chunks(answer.body)) {
      if (signal.aborted) return;
      this.events_.heard_();
      const lines = (rest + decoder.decode(bytes, { stream: true })).split('\n');
      rest = lines.pop()!;
      for (const line of lines) {
        if (line.startsWith('data: ')) data = line.slice(6);
        if (line.startsWith('retry: ')) delay = Number(line.slice(7)) / 1000;
        if (line || !data) continue;
        const push = JSON.parse(data) as Push;
        data = '';
        // The delay is for those who are turned away with an empty stream.
        delay = undefined;
        this.event_(push);
        if (signal.aborted) return;
      }
    }
    throw new CrierError('connection_lost', 'the event stream ended', { retryAfter: delay });
  }

  private event_(push: Push): void {
    if (push.op === 'welcome') this.session_ = push.session;
    if (push.op === 'error' && !push.channel && push.code === 'token_expired') throw closeError(4002, push.message);
    const channel = this.channels_.get(push.channel);
    if (channel && !push.pattern) {
      channel.since_ = push.position ?? channel.since_;
      if (channel.id_ !== undefined && (push.op === 'subscribed' || push.op === 'error')) {
        push.id = channel.id_;
        channel.id_ = undefined;
        if (push.op === 'error') this.channels_.delete(push.channel);
      }
    }
    this.events_.push_(push);
  }

  /** Whoever asked last is to blame, and the others go on without. */
  private refused_(error: CrierError): void {
    const asking = [...this.channels_].filter(([, { id_ }]) => id_ !== undefined);
    if (!error.final || error.code === 'token_expired' || !asking.length) {
      throw error.code === 'token_expired' ? closeError(4002, error.message) : error;
    }
    for (const [channel, { id_ }] of asking) {
      this.channels_.delete(channel);
      this.refuse_(channel, id_!, error);
    }
    this.schedule_();
  }
}

async function* chunks(body: Answer['body']): AsyncGenerator<Uint8Array> {
  if (!body) return;
  if (Symbol.asyncIterator in body) {
    yield* body;
    return;
  }
  // Not every browser can iterate a stream.
  const reader = body.getReader();
  for (let step = await reader.read(); !step.done; step = await reader.read()) yield step.value;
}
