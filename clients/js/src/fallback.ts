// Where no WebSocket gets through: an event stream for what comes, POST for what goes, behind the same commands.
// A stream's channels are in its URL, so another set of channels takes another stream, which resumes by `since`.
// A file of its own in browsers, fetched by those who need it: so it imports types only, and gets its tools handed.

import type { Answer, CrierError } from './errors.js';
import { refusal } from './refusal.js';
import type { Fallback, Link, Push } from './types.js';

export { refusal };

const channelsMax = 32;
/** The id of commands whose failure is nobody's. */
const pollId = -1;
/** Of commands in one POST. */
const batchCharsMax = 200_000;
const batchCountMax = 1000;
const timeoutMs = 10_000;

interface StreamChannel {
  since_: string | undefined;
  presence_: unknown;
  /** Of the `subscribe` that has no reply yet. */
  id_: number | undefined;
  /** The one that has it in its URL: others know nothing of what was asked since. */
  stream_?: AbortController;
}

export const openStream: Fallback['openStream'] = (fetchAnswer, url, options, token, events, tools) => {
  const { push, heard, lost } = events;
  const { failure, closeError } = tools;
  const channels = new Map<string, StreamChannel>();
  const end = new AbortController();
  const outgoing: { id_: number; text_: string }[] = [];
  let stream: AbortController | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let session: string | undefined;
  let posting = false;
  let idle: (() => void) | undefined;
  /** Refused together, so asked for one by one. */
  let suspects: [string, StreamChannel][] = [];

  const reply = (message: object) => {
    const { id, op } = message as Push;
    // What nobody has asked for may fail.
    if (id !== pollId || op === 'presence') push(message as Push);
  };
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

  /** One that is swallowed on the way must not hold up those behind it. */
  const posted = async (body: string) => {
    const late = setTimeout(() => lost(failure('timeout', 'a POST has no answer')), options.timeout ?? timeoutMs);
    try {
      const answer = await request(url, end, body);
      return { answer, text: await answer.text() };
    } finally {
      clearTimeout(late);
    }
  };

  const asking = () => [...channels, ...suspects].filter(([, { id_ }]) => id_);

  /** What is published behind a `subscribe` is behind its beginning, as on one connection. */
  const flush = () => {
    if (!posting && !asking()[0]) guard(post, end);
  };

  const post = async () => {
    posting = true;
    // How many go one by one, because they were too large together.
    let single = 0;
    for (let first; !asking()[0] && (first = outgoing.shift()); ) {
      const batch = [first];
      let body = first.text_;
      while (--single < 0 && outgoing[0] && batch.length < batchCountMax &&
        body.length + outgoing[0].text_.length < batchCharsMax) {
        batch.push((first = outgoing.shift()!));
        body += `,${first.text_}`;
      }
      const { answer, text } = await posted(batch[1] ? `[${body}]` : body);
      if (!stream) heard();
      // Together too large, or one of them is nothing that can be read: the others are not to blame.
      if (batch[1] && (answer.status === 413 || (answer.status === 400 && !text.includes('"id":')))) {
        outgoing.unshift(...batch);
        single = batch.length;
      } else if (/^\[?{"op/.test(text) && text.includes('"id":')) {
        [JSON.parse(text)].flat().forEach(reply);
      } else {
        // Commands have replies; without any, the request was refused as a whole.
        for (const { id_ } of batch) refuse(id_, undefined, refusal(failure, answer, url, text));
      }
    }
    posting = false;
    if (!outgoing[0]) idle?.();
  };

  const members = () => {
    for (const [channel, { presence_ }] of channels) {
      if (presence_) outgoing.push({ id_: pollId, text_: JSON.stringify({ op: 'presence', id: pollId, channel }) });
    }
    flush();
  };

  const event = (message: Push, mine: AbortController) => {
    const { op, position } = message;
    const channel = channels.get(message.channel);
    if (channel?.id_ && channel.stream_ !== mine && !message.pattern) return;
    if (op === 'welcome') session = message.session;
    if (op === 'error' && !message.channel && message.code === 'token_expired') throw closeError(4002, message.message);
    if (channel && !message.pattern) {
      channel.since_ = position ?? channel.since_;
      if (channel.id_ && /^(subscribed|error)$/.test(op)) {
        message.id = channel.id_;
        channel.id_ = undefined;
      }
      if (/^(unsubscribed|error)$/.test(op)) channels.delete(message.channel);
    }
    push(message);
    next();
  };

  const next = () => {
    const suspect = [...channels.values()].some(({ id_ }) => id_) ? undefined : suspects.shift();
    if (suspect) {
      channels.set(...suspect);
      reopen();
    }
    flush();
  };

  /** Whoever asked last is to blame, and the others go on without. */
  const refused = (error: CrierError) => {
    const blamed = [...channels].filter(([, { id_ }]) => id_);
    if (error.code === 'token_expired') throw closeError(4002, error.message);
    if (!error.final || !blamed[0]) throw error;
    for (const [channel] of blamed) channels.delete(channel);
    if (blamed[1]) suspects.unshift(...blamed);
    else refuse(blamed[0][1].id_!, blamed[0][0], error);
    reopen();
    next();
  };

  const read = async (mine: AbortController) => {
    const target = new URL(url);
    for (const [channel, entry] of channels) {
      const { since_ } = entry;
      entry.stream_ = mine;
      target.searchParams.append('channel', channel);
      if (since_) target.searchParams.append('since', since_);
    }
    const answer = await request(target.href, mine);
    if (answer.status !== 200) return refused(refusal(failure, answer, url, await answer.text(), true));
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
        const [, field, value] = /^(data|retry): (.*)/s.exec(line) ?? [];
        // The delay is for those who are turned away with an empty stream.
        if (field) delay = field === 'retry' ? Number(value) / 1000 : undefined;
        if (field === 'data' && !mine.signal.aborted) event(JSON.parse(value!) as Push, mine);
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

  // The URL is right: it has said that it is a broker's.
  guard(async () => {
    const answer = await request(url, end, '{"op":"ping"}');
    const text = await answer.text();
    if (!text.startsWith('{"op":"pong"')) throw refusal(failure, answer, url, text, true);
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
        if (channels.size + suspects.length < channelsMax) {
          channels.set(channel, { since_: since, presence_: presence, id_: id });
          reopen();
        } else {
          refuse(id, channel, failure('limit_exceeded',
            `no WebSocket gets through, and an event stream has at most ${channelsMax} channels: unsubscribe first`,
            // A WebSocket has room for it.
            { retryAfter: 5 }));
        }
      } else if (op === 'unsubscribe') {
        // What it still brings for the channel would look like the token's.
        stream?.abort();
        channels.delete(channel);
        suspects = suspects.filter(([name]) => name !== channel);
        reopen();
        next();
        reply({ op: 'unsubscribed', id });
      } else if (op !== 'ping' || !stream) {
        // A POST belongs to no session: what it shall not echo excludes that of the stream.
        if (echo === false) text_ = JSON.stringify({ ...JSON.parse(text_), echo: undefined, exclude: session });
        outgoing.push({ id_: id, text_ });
        flush();
      }
    },
    leave: () => {
      idle = () => lost(failure('websocket_back', 'a WebSocket gets through again'));
      if (!posting && !outgoing[0]) idle();
    },
    close: () => {
      end.abort();
      stream?.abort();
    },
  };
};

export const trials: Fallback['trials'] = (open, home, ms = 300_000) => {
  let link: Link | undefined;
  const ignored = () => {};
  const push = () => {
    link?.close();
    home();
  };
  const timer = setInterval(() => {
    link?.close();
    link = open({ push, heard: ignored, lost: ignored });
    // setInterval takes 31 bits.
  }, Math.min(ms, 2 ** 31 - 1));
  return () => {
    clearInterval(timer);
    link?.close();
  };
};
