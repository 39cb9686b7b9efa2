import type { Crier } from './crier.js';
import { Subscription } from './subscription.js';
import type {
  HistoryOptions, HistoryPage, Listener, Member, Members, Message, PublishOptions, Published, Push,
  SubscribeOptions,
} from './types.js';

/** `await` gives the first page; `for await` every message, page by page. */
export interface History<Data> extends PromiseLike<HistoryPage<Data>>, AsyncIterable<Message<Data>> {}

/** A name, or for `subscribe` alone a pattern (`news.*.uk`, `chat:room.>`). Costs nothing: ask for it whenever. */
export class Channel<Data = unknown> {
  /** @internal */
  constructor(private readonly crier_: Crier, readonly name: string) {}

  subscribe(onMessage: Listener<Message<Data>>): Subscription<Data>;
  subscribe(options?: SubscribeOptions, onMessage?: Listener<Message<Data>>): Subscription<Data>;
  subscribe(options: SubscribeOptions | Listener<Message<Data>> = {},
    onMessage?: Listener<Message<Data>>): Subscription<Data> {
    if (typeof options === 'function') {
      onMessage = options;
      options = {};
    }
    const feed = this.crier_.feed_(this.name);
    const subscription = new Subscription<Data>(this.crier_, feed, options);
    if (onMessage) subscription.on('message', onMessage);
    feed.add_(subscription as unknown as Subscription);
    return subscription;
  }

  /** Resolves when the broker has it. */
  publish(data: Data, options?: PublishOptions): Promise<Published> {
    return this.crier_.ask_({ op: 'publish', channel: this.name, data, ...options });
  }

  async presence(): Promise<Members & { members: Member[] }> {
    const { crier_, name: channel } = this;
    const members: Member[] = [];
    for (let cursor; ; ) {
      const page: Push = await crier_.ask_({ op: 'presence', channel, cursor });
      members.push(...page.members!);
      if (!page.more) return { channel, count: page.count!, members };
      ({ cursor } = page);
    }
  }

  history(options: HistoryOptions = {}): History<Data> {
    const { crier_, name: channel } = this;
    const page = async (asked: HistoryOptions): Promise<HistoryPage<Data>> => {
      const reply = await crier_.ask_({ op: 'history', channel, ...asked });
      for (const message of reply.messages) message.channel = channel;
      return reply as HistoryPage<Data>;
    };
    return {
      then: (resolve, reject) => page(options).then(resolve, reject),
      async *[Symbol.asyncIterator]() {
        for (let asked = options; ; ) {
          const { messages, more, cursor } = await page(asked);
          yield* messages;
          if (!more) return;
          asked = { ...asked, cursor };
          if (asked.limit && !(asked.limit -= messages.length)) return;
        }
      },
    };
  }
}
