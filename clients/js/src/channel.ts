import type { Crier } from './crier.js';
import { Feed } from './feed.js';
import { Subscription } from './subscription.js';
import type {
  Command, HistoryOptions, HistoryPage, Listener, Member, Members, Message, PublishOptions, Published, Push,
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
    const { feeds_ } = this.crier_;
    let feed = feeds_.get(this.name);
    if (!feed) feeds_.set(this.name, (feed = new Feed(this.crier_, this.name)));
    const subscription = new Subscription<Data>(this.crier_, feed, options);
    if (onMessage) subscription.on('message', onMessage);
    feed.add_(subscription as unknown as Subscription);
    return subscription;
  }

  /** Resolves when the broker has it. */
  async publish(data: Data, options?: PublishOptions): Promise<Published> {
    const { position } = await this.ask_({ op: 'publish', channel: this.name, data, ...options });
    return position ? { position } : {};
  }

  async presence(): Promise<Required<Members>> {
    const members: Member[] = [];
    for (let cursor: string | undefined; ; ) {
      const page = await this.ask_({ op: 'presence', channel: this.name, cursor });
      members.push(...page.members!);
      if (!page.more) return { channel: this.name, count: page.count, members };
      cursor = page.cursor;
    }
  }

  history(options: HistoryOptions = {}): History<Data> {
    const page = async (asked: HistoryOptions): Promise<HistoryPage<Data>> => {
      const { position, messages, more, cursor } = await this.ask_({ op: 'history', channel: this.name, ...asked });
      return { messages: messages.map((message) => ({ ...message, channel: this.name }) as Message<Data>), more,
        ...(position && { position }), ...(cursor && { cursor }) };
    };
    const all = async function* (): AsyncGenerator<Message<Data>, undefined> {
      let { limit = Infinity, ...asked } = options;
      while (limit > 0) {
        const { messages, more, cursor } = await page(limit < Infinity ? { ...asked, limit } : asked);
        yield* messages;
        limit -= messages.length;
        if (!more || !cursor) return;
        asked = { ...asked, cursor };
      }
    };
    return {
      then: (resolve, reject) => page(options).then(resolve, reject),
      [Symbol.asyncIterator]: all,
    };
  }

  private ask_(command: Command): Promise<Push> {
    return this.crier_.ask_(command);
  }
}
