// What both entries have, beside `connect`.

export { CrierError, type ClientCode, type ErrorCode, type WireCode } from './errors.js';
export type { Channel, History } from './channel.js';
export type { Crier } from './crier.js';
export type { Subscription } from './subscription.js';
export type {
  BroadcastResult, ConnectOptions, CrierEvents, Gap, HistoryOptions, HistoryPage, Listener, Member, Members, Message,
  Published, PublishOptions, Recovered, State, Subscribed, SubscribeOptions, SubscriptionEvents, TransportName,
  Unrecovered, Unsubscribed,
} from './types.js';
