// A client of a Crier broker, asynchronous, on an executor of the caller's.
//
//   asio::io_context io;
//   crier::client::Client client(io.get_executor(), {.url = "ws://localhost:8008/message"});
//   auto subscribed = client.subscribe("news", {}, {.on_message = [](const auto& message) { std::cout << message.data
//   << '\n'; }}); client.publish({.channel = "news", .data = R"({"text":"hello"})"}, [](auto result) { ... });
//   client.start();
//   io.run();
//
// The connection comes back by itself, with backoff and jitter, and every subscription goes on where it was: nothing
// is lost or comes twice, or `on_subscribed` says that messages may be missing.
//
// Threads: an object belongs to its executor. Every call is made there, and every handler runs there; an executor
// with several threads is given as a strand. Handlers may call anything, and may destroy the client. A handler never
// runs within the call that it belongs to.
// Errors: bad input and failures are values. Only the constructor throws, std::invalid_argument, with a sentence.
#pragma once

#include <asio/any_io_executor.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <crier/message.hpp>
#include <crier/options.hpp>
#include <crier/result.hpp>

namespace crier::client {

// Each may be left empty.
struct SubscriptionHandlers {
  std::function<void(const Message&)> on_message{};
  std::function<void(const Subscribed&)> on_subscribed{};  // at first, and again after every cut
  std::function<void(const Gap&)> on_gap{};
  std::function<void(const PresenceChange&)> on_presence{};
  std::function<void(const Error&)> on_ended{};  // refused, or ended by the broker; the last call
};

struct ClientHandlers {
  std::function<void(const StateChange&)> on_state{};
  // What belongs to no other handler: a publish without a handler was refused, no token came.
  std::function<void(const Error&)> on_error{};
  // For the channels that a token subscribes by itself (its claim `channels`).
  SubscriptionHandlers token_channels{};
};

template <class Value>
using ReplyHandler = std::function<void(Result<Value>)>;
using PublishHandler = ReplyHandler<Published>;

class Client {
 public:
  // Throws std::invalid_argument when the options cannot be right: a URL that is none, a file that cannot be read.
  Client(asio::any_io_executor executor, const Options& options, ClientHandlers handlers = {});
  // Cuts the connection. No handler runs any more.
  ~Client();
  Client(Client&&) noexcept;
  Client& operator=(Client&&) noexcept;

  // Connects, and again and again. Everything else may be called before.
  void start();
  // Takes nothing new, waits for what is on its way (close_timeout), says goodbye, and calls `done` at the end.
  void close(std::function<void()> done = {});

  // ---- Publishing. The result says whether the outbox took it: if not, `handler` is never called. Otherwise it is,
  // once: `published`, refused, or connection_lost, when it may or may not have been stored (see Publication::retry).
  // What is published within one handler goes out as one message to the broker.
  [[nodiscard]] Result<void> publish(Publication publication, PublishHandler handler);
  // Without an acknowledgement: the cheapest. Refusals go to on_error; what is cut off goes nowhere.
  [[nodiscard]] Result<void> publish(Publication publication);
  // All or none enter the outbox. One result for each, in their order.
  [[nodiscard]] Result<void> publish_batch(std::vector<Publication> publications,
                                           std::function<void(std::vector<Result<Published>>)> handler);
  // One message for many channels; `publication.channel` is not used. One result for each channel, in their order.
  [[nodiscard]] Result<void> broadcast(std::vector<std::string> channels, Publication publication,
                                       ReplyHandler<std::vector<Result<Published>>> handler);
  // Calls `handler` once, as soon as the outbox is at most half full and has more room than now: whoever waits with
  // something larger than that may have to wait again.
  void on_room(std::function<void()> handler);
  [[nodiscard]] std::size_t outbox_bytes() const;

  // ---- Subscribing, to a channel or to a pattern. One subscription a name: another one is already_subscribed.
  // Lasts until unsubscribe() or on_ended, over every cut.
  [[nodiscard]] Result<void> subscribe(std::string channel, SubscribeOptions options, SubscriptionHandlers handlers);
  // No handler of the subscription is called after it.
  [[nodiscard]] Result<void> unsubscribe(std::string_view channel);
  // The newest position that was seen, to resume from another time; "" for none.
  [[nodiscard]] std::string position(std::string_view channel) const;
  // Reads nothing until resume(): the broker then decides by the namespace's `overflow`.
  void pause();
  void resume();

  // ---- Asking. Like publishes they wait for a connection, for at most command_timeout.
  [[nodiscard]] Result<void> history(const HistoryQuery& query, ReplyHandler<HistoryPage> handler);
  [[nodiscard]] Result<void> presence(const std::string& channel, const std::string& cursor,
                                      ReplyHandler<MembersPage> handler);
  [[nodiscard]] Result<void> channels(const ChannelsQuery& query, ReplyHandler<ChannelsPage> handler);
  // For services: how many connections were closed, how many subscriptions ended.
  [[nodiscard]] Result<void> disconnect(const Target& target, ReplyHandler<std::uint64_t> handler);
  [[nodiscard]] Result<void> kick(const std::string& channel, const Target& target,
                                  ReplyHandler<std::uint64_t> handler);
  // The broker's answer; how long it took.
  [[nodiscard]] Result<void> ping(ReplyHandler<std::chrono::microseconds> handler);

  [[nodiscard]] State state() const;

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace crier::client
