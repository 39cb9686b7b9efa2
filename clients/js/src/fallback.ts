// Where no WebSocket gets through: an event stream for what comes, POST for what goes, behind the same commands.
// A stream's channels are in its URL, so another set of channels takes another stream, which resumes by `since`.
// A file of its own in browsers, fetched by those who need it: so it imports types only, and gets its tools handed.

import type { Answer, CrierError } from './errors.js';
import type { Push, StreamOpener } from './types.js';

const channelsMax = 32;
/** The id of commands whose failure is nobody's. */
const pollId = -1;
/** Of commands in one POST. */
const batchCharsMax = 200_000;

interface StreamChannel {
  since_: string | undefined;
  presence_: unknown;
  /** Of the `subscribe` that has no reply yet. */
  id_: number | undefined;
}

export const openStream: StreamOpener = (fetchAnswer, url, options, token, events, tools) => {
  const { push, heard, lost } = events;
  const { failure, closeError, refusal } = tools;
  const channels = new Map<string, StreamChannel>();
  const end = new AbortController();
  const outgoing: { id_: number; text_: string }[] = [];
  let stream: AbortController | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let session: string | undefined;
  let posting = false;

  const reply = (message: object) => push(message as Push);
  const refuse = (id: number, channel: string | undefined, { code, message, retryAfter }: CrierError) =>
    reply({ op: 'error', id, channel, code, message, retry_after: retryAfter });

  /** Whatever goes wrong ends the link, unless it is over. */
  const guard = (action: () => Promise<void>, { signal }: AbortController) => {
    action().catch((cause: unknown) => {
      if (signal.aborted) return;
      lost((cause as { final?: unknown }).final === undefined ? closeError(1006, `${cause}`) : cause as CrierError);
    });
  };

  const request = (target: string, { signal }: AbortController, body?: string): Promise<Answer> =>
    fetchAnswer(target, {
      signal,
      headers: {
        Accept: 'text/event-stream',
        ...(token && { Authorization: `Bearer ${token}` }),
        ...(body && { 'Content-Type': 'application/json' }),
      },
      ...(body && { method: 'POST', body }),
    }, options);

  const asking = () => [...channels].filter(([, { id_ }]) => id_);

  /** What is published behind a `subscribe` is behind its beginning, as on one connection. */
  const flush = () => {
    if (!posting && !asking()[0]) guard(post, end);
  };

  const post = async () => {
    posting = true;
    for (let first; !asking()[0] && (first = outgoing.shift()); ) {
      const batch = [first];
      let body = first.text_;
      while (outgoing[0] && body.length + outgoing[0].text_.length < batchCharsMax) {
        batch.push((first = outgoing.shift()!));
        body += `,${first.text_}`;
      }
      const answer = await request(url, end, batch[1] ? `[${body}]` : body);
      const text = await answer.text();
      if (!stream) heard();
      // Commands have replies; without any, the request was refused as a whole.
      if (/^\[?{"op/.test(text)) [JSON.parse(text)].flat().forEach(reply);
      else for (const { id_ } of batch) refuse(id_, undefined, refusal(answer, url, text));
    }
    posting = false;
  };

  const members = () => {
    for (const [channel, { presence_ }] of channels) {
      if (presence_) outgoing.push({ id_: pollId, text_: JSON.stringify({ op: 'presence', id: pollId, channel }) });
    }
    flush();
  };

  const event = (message: Push) => {
    const { op, position } = message;
    const channel = channels.get(message.channel);
    if (op === 'welcome') session = message.session;
    if (op === 'error' && !message.channel && message.code === 'token_expired') throw closeError(4002, message.message);
    if (channel && !message.pattern) {
      channel.since_ = position ?? channel.since_;
      if (channel.id_ && /^(subscribed|error)$/.test(op)) {
        message.id = channel.id_;
        channel.id_ = undefined;
        if (op === 'error') channels.delete(message.channel);
      }
    }
    push(message);
    flush();
  };

  /** Whoever asked last is to blame, and the others go on without. */
  const refused = (error: CrierError) => {
    const blamed = asking();
    if (error.code === 'token_expired') throw closeError(4002, error.message);
    if (!error.final || !blamed[0]) throw error;
    for (const [channel, { id_ }] of blamed) {
      channels.delete(channel);
      refuse(id_!, channel, error);
    }
    reopen();
    flush();
  };

  const read = async (mine: AbortController) => {
    const target = new URL(url);
    for (const [channel, { since_ }] of channels) {
      target.searchParams.append('channel', channel);
      if (since_) target.searchParams.append('since', since_);
    }
    const answer = await request(target.href, mine);
    if (answer.status !== 200) return refused(refusal(answer, url, await answer.text()));
    const decoder = new TextDecoder();
    const reader = answer.body!.getReader();
    let rest = '';
    let delay: number | undefined;
    for (let step; !(step = await reader.read()).done; ) {
      heard();
      const lines = (rest + decoder.decode(step.value, { stream: true })).split('\n');
      rest = lines.pop()!;
      for (const line of lines) {
        // A comment comes every 15 s. Streams do not tell of joins and leaves, so their sum is asked for.
        if (line[0] === ':') members();
        const [, field, value] = /^(data|retry): (.*)/.exec(line) ?? [];
        // The delay is for those who are turned away with an empty stream.
        if (field) delay = field === 'retry' ? Number(value) / 1000 : undefined;
        if (field === 'data' && !mine.signal.aborted) event(JSON.parse(value!) as Push);
      }
    }
    throw failure('connection_lost', 'the event stream ended', { retryAfter: delay });
  };

  /** What changes in the same moment takes one new stream. */
  const reopen = () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      stream?.abort();
      stream = undefined;
      if (!channels.size || end.signal.aborted) return;
      const mine = (stream = new AbortController());
      guard(() => read(mine), mine);
    }, 0);
  };

  guard(async () => {
    const answer = await request(url, end, '{"op":"ping"}');
    const text = await answer.text();
    if (!text.startsWith('{"op":"pong"')) throw refusal(answer, url, text);
    heard();
    reply({ op: 'welcome', session: '', heartbeat: 0, limits: {} });
  }, end);

  return {
    transport: 'sse',
    send: (command, text_) => {
      const { op, id = pollId, channel = '', since, echo, presence } = command;
      if (op === 'auth') {
        ({ token } = command);
        reopen();
        reply({ op: 'authenticated', id });
      } else if (op === 'subscribe') {
        if (channels.size < channelsMax) {
          channels.set(channel, { since_: since, presence_: presence, id_: id });
          reopen();
        } else {
          refuse(id, channel, failure('limit_exceeded',
            `no WebSocket gets through, and an event stream has at most ${channelsMax} channels: unsubscribe first`));
        }
      } else if (op === 'unsubscribe') {
        channels.delete(channel);
        reopen();
        flush();
        reply({ op: 'unsubscribed', id });
      } else if (op !== 'ping' || !stream) {
        // A POST belongs to no session: what it shall not echo excludes that of the stream.
        if (echo === false) text_ = JSON.stringify({ ...command, echo: undefined, exclude: session });
        outgoing.push({ id_: id, text_ });
        flush();
      }
    },
    close: () => {
      end.abort();
      stream?.abort();
    },
  };
};
