// A client of a Crier broker for programs without an event loop: calls wait, and it has a thread of its own.
//
//   crier::client::BlockingClient client({.url = "ws://localhost:8008/message"});
//   const auto published = client.publish({.channel = "news", .data = "\"hello\""});
//   if (!published) std::cerr << published.error().message << '\n';
//
// Threads: every method may be called from any thread, also at the same time.
// Errors: values. Only the constructor throws, std::invalid_argument, with a sentence.
#pragma once

#include <chrono>
#include <cstddef>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <crier/message.hpp>
#include <crier/options.hpp>
#include <crier/result.hpp>

namespace crier::client {

// A subscription was ended by the broker.
struct SubscriptionEnded {
  std::string channel;  // "" for one that the token had begun
  Error error;
};

// What next() returns, in the order in which it came.
using Event = std::variant<StoredMessage, Subscribed, Gap, PresenceChange, SubscriptionEnded, StateChange>;

class BlockingClient {
 public:
  // Begins to connect. Events wait in a queue of at most `queue_bytes_max`; when it is full the connection is not read
  // until some have been taken. While a call waits for its answer the queue may grow to four times that, since the
  // answer is behind the events; beyond it the call waits for the queue too, or ends with `timeout`.
  // A token source is called on the client's own thread.
  explicit BlockingClient(const Options& options, std::size_t queue_bytes_max = std::size_t{4} * 1024 * 1024);
  // As close().
  ~BlockingClient();
  BlockingClient(const BlockingClient&) = delete;
  BlockingClient& operator=(const BlockingClient&) = delete;

  // Waits for the connection. Not needed before other calls, but it says why there is none.
  [[nodiscard]] Result<void> wait_connected(std::chrono::milliseconds timeout);

  // Waits for room in the outbox, then for the acknowledgement.
  [[nodiscard]] Result<Published> publish(Publication publication);
  // Waits for room only.
  [[nodiscard]] std::future<Result<Published>> publish_later(Publication publication);
  // Does not wait: queue_full where there is no room.
  [[nodiscard]] Result<std::future<Result<Published>>> try_publish(Publication publication);
  // One result for each, in their order. Any number: they go through the outbox bit by bit.
  [[nodiscard]] std::vector<Result<Published>> publish_batch(std::vector<Publication> publications);
  [[nodiscard]] Result<std::vector<Result<Published>>> broadcast(std::vector<std::string> channels,
                                                                 Publication publication);

  // Waits until the subscription is live, or refused.
  [[nodiscard]] Result<Subscribed> subscribe(const std::string& channel, const SubscribeOptions& options = {});
  [[nodiscard]] Result<void> unsubscribe(std::string_view channel);
  [[nodiscard]] std::string position(std::string_view channel) const;
  // The next event; nullopt when none came in time, or, after close() or the end, when none is left.
  [[nodiscard]] std::optional<Event> next(std::chrono::milliseconds timeout);
  // The same, for messages alone: all else is passed over.
  [[nodiscard]] std::optional<StoredMessage> next_message(std::chrono::milliseconds timeout);

  [[nodiscard]] Result<HistoryPage> history(HistoryQuery query);
  [[nodiscard]] Result<MembersPage> presence(std::string channel, std::string cursor = {});
  [[nodiscard]] Result<ChannelsPage> channels(ChannelsQuery query = {});
  [[nodiscard]] Result<std::uint64_t> disconnect(Target target);
  [[nodiscard]] Result<std::uint64_t> kick(std::string channel, Target target);
  [[nodiscard]] Result<std::chrono::microseconds> ping();

  [[nodiscard]] State state() const;
  // Waits for what is on its way (close_timeout), and says goodbye.
  void close();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace crier::client
