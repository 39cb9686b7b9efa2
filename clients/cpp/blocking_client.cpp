#include <crier/blocking_client.hpp>
#include <crier/client.hpp>

#include <algorithm>
#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>

#include "clients/cpp/event_size.hpp"

namespace crier::client {

namespace {

using std::chrono::milliseconds;

constexpr std::size_t queues_while_waiting = 4;  // what a call that waits may have read, in queue_bytes_max
constexpr std::chrono::hours forever{100 * 365 * 24};

// Now and a timeout of the user's, which may be milliseconds::max().
std::chrono::steady_clock::time_point after(milliseconds timeout) {
  return std::chrono::steady_clock::now() + std::min<milliseconds>(timeout, forever);
}

StoredMessage to_stored(const Message& message) {
  StoredMessage stored;
  stored.channel = message.channel;
  stored.pattern = message.pattern;
  stored.data = message.data;
  stored.binary = message.binary;
  stored.position = message.position;
  stored.time_ms = message.time_ms;
  return stored;
}

Error make_error(ErrorCode code, std::string message) {
  Error error;
  error.code = code;
  error.message = std::move(message);
  return error;
}

template <class T>
using Promise = std::shared_ptr<std::promise<T>>;

template <class T>
Promise<T> make_promise() {
  return std::make_shared<std::promise<T>>();
}

// Many publications on their way into an outbox that does not hold them all, in their order.
struct Pump : std::enable_shared_from_this<Pump> {
  Client* client = nullptr;
  std::vector<Publication> publications;
  std::vector<std::promise<Result<Published>>> promises;
  std::size_t next = 0;

  void run() {
    for (; next < publications.size(); ++next) {
      const auto put = [self = shared_from_this(), i = next](Result<Published> result) {
        self->promises[i].set_value(std::move(result));
      };
      auto taken = client->publish(publications[next], put);
      if (taken) continue;
      if (taken.error().code == ErrorCode::queue_full) {
        return client->on_room([self = shared_from_this()] { self->run(); });
      }
      put(taken.error());
    }
  }
};

}  // namespace

// The client lives on `thread`; callers post to it and wait. What it hears goes into `events`, under the lock.
struct BlockingClient::Impl {
  Impl(const Options& options, std::size_t bytes_max)
      : queue_bytes_max(bytes_max),
        options_of_user(options),
        client(io.get_executor(), options, handlers()),
        work(io.get_executor()),
        thread([this] { io.run(); }) {
    asio::post(io, [this] { client.start(); });
  }

  ~Impl() {
    asio::post(io, [this] {
      work.reset();
      io.stop();
    });
    thread.join();
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  ClientHandlers handlers() {
    ClientHandlers made;
    made.on_state = [this](const StateChange& change) { on_state(change); };
    made.token_channels = channel_handlers("", nullptr);
    return made;
  }

  // `live` is told of the beginning, or of the end before it; null: those are events like all others.
  SubscriptionHandlers channel_handlers(const std::string& channel, const Promise<Result<Subscribed>>& live) {
    auto waiting = std::make_shared<Promise<Result<Subscribed>>>(live);
    SubscriptionHandlers made;
    made.on_message = [this](const Message& message) { push(to_stored(message)); };
    made.on_gap = [this](const Gap& gap) { push(gap); };
    made.on_presence = [this](const PresenceChange& change) { push(change); };
    made.on_subscribed = [this, waiting](const Subscribed& subscribed) {
      if (!*waiting) return push(subscribed);
      std::exchange(*waiting, nullptr)->set_value(subscribed);
    };
    made.on_ended = [this, waiting, channel](const Error& error) {
      if (!*waiting) return push(SubscriptionEnded{channel, error});
      std::exchange(*waiting, nullptr)->set_value(error);
    };
    return made;
  }

  // ---- On the client's thread.
  void on_state(const StateChange& change) {
    {
      const std::lock_guard lock(mutex);
      state = change.state;
      if (change.error) failure = change.error;
      if (change.state == State::connected) failure.reset();
      // A client that nobody asks for days keeps the last one of them.
      if (!events.empty() && std::holds_alternative<StateChange>(events.back())) {
        queue_bytes -= event_size(events.back());
        events.back() = change;
      } else {
        events.emplace_back(change);
      }
      queue_bytes += event_size(events.back());
    }
    changed.notify_all();
  }

  void push(Event event) {
    {
      const std::lock_guard lock(mutex);
      queue_bytes += event_size(event);
      events.push_back(std::move(event));
    }
    pause_or_resume();
    changed.notify_all();
  }

  // Once full the queue is not filled again before it is half empty. On the client's thread, as only the newest of
  // the reasons counts.
  void pause_or_resume() {
    bool pause = false;
    {
      const std::lock_guard lock(mutex);
      if (calls > 0) {
        pause = queue_bytes >= queues_while_waiting * queue_bytes_max;
      } else {
        pause = queue_bytes >= queue_bytes_max || (paused && queue_bytes * 2 > queue_bytes_max);
      }
    }
    if (pause == paused) return;
    paused = pause;
    if (pause) {
      client.pause();
    } else {
      client.resume();
    }
  }

  void publish_when_room(std::shared_ptr<const Publication> publication, PublishHandler handler) {
    auto taken = client.publish(*publication, handler);
    if (taken) return;
    if (taken.error().code != ErrorCode::queue_full) return handler(taken.error());
    client.on_room([this, publication = std::move(publication), handler = std::move(handler)]() mutable {
      publish_when_room(std::move(publication), std::move(handler));
    });
  }

  // ---- On the caller's thread.
  // A call that waits for an answer. Such a one is not kept waiting by what nobody takes out of the queue.
  class Waiting {
   public:
    explicit Waiting(Impl& impl) : impl_(impl) { count(1); }
    ~Waiting() { count(-1); }
    Waiting(const Waiting&) = delete;
    Waiting& operator=(const Waiting&) = delete;

   private:
    void count(int change) {
      const std::lock_guard lock(impl_.mutex);
      impl_.calls += change;
      // Below that nothing is paused, and nothing is to be.
      if (impl_.queue_bytes * 2 > impl_.queue_bytes_max)
        asio::post(impl_.io, [&impl = impl_] { impl.pause_or_resume(); });
    }

    Impl& impl_;
  };

  // Calls `ask(client, handler)` there, and waits for what the handler is given.
  template <class T, class Ask>
  Result<T> wait_for(Ask ask) {
    const Waiting waiting(*this);
    auto promise = make_promise<Result<T>>();
    auto answer = promise->get_future();
    asio::post(io, [this, promise, ask = std::move(ask)]() mutable {
      auto taken = ask(client, [promise](Result<T> result) { promise->set_value(std::move(result)); });
      if (!taken) promise->set_value(taken.error());
    });
    return answer.get();
  }

  // Calls `compute(client)` there, and waits.
  template <class T, class Compute>
  T compute_there(Compute compute) const {
    auto promise = make_promise<T>();
    auto answer = promise->get_future();
    asio::post(io, [this, promise, compute = std::move(compute)] { promise->set_value(compute(client)); });
    return answer.get();
  }

  std::optional<Event> pop(std::unique_lock<std::mutex>& lock, std::chrono::steady_clock::time_point until) {
    const auto something = [this] { return !events.empty() || state == State::closed; };
    if (!changed.wait_until(lock, until, something) || events.empty()) return std::nullopt;
    Event event = std::move(events.front());
    events.pop_front();
    const std::size_t bytes = event_size(event);
    const bool was_above = queue_bytes * 2 > queue_bytes_max;
    queue_bytes -= bytes;
    if (was_above && queue_bytes * 2 <= queue_bytes_max) asio::post(io, [this] { pause_or_resume(); });
    return event;
  }

  const std::size_t queue_bytes_max;
  const Options options_of_user;
  mutable std::mutex mutex;
  std::condition_variable changed;
  std::deque<Event> events;
  std::size_t queue_bytes = 0;
  int calls = 0;        // that wait for an answer
  bool paused = false;  // of the client's thread
  State state = State::connecting;
  std::optional<Error> failure;  // the newest

  mutable asio::io_context io{1};
  mutable Client client;
  asio::executor_work_guard<asio::io_context::executor_type> work;
  std::thread thread;
};

BlockingClient::BlockingClient(const Options& options, std::size_t queue_bytes_max)
    : impl_(std::make_unique<Impl>(options, queue_bytes_max)) {}

BlockingClient::~BlockingClient() {
  close();
}

Result<void> BlockingClient::wait_connected(milliseconds timeout) {
  std::unique_lock lock(impl_->mutex);
  const auto decided = [this] { return impl_->state == State::connected || impl_->state == State::closed; };
  if (impl_->changed.wait_until(lock, after(timeout), decided) && impl_->state == State::connected) return {};
  if (impl_->failure) return *impl_->failure;
  return make_error(impl_->state == State::closed ? ErrorCode::closed : ErrorCode::unreachable,
                    "there is no connection yet");
}

std::future<Result<Published>> BlockingClient::publish_later(Publication publication) {
  const Impl::Waiting waiting(*impl_);  // for room
  auto promise = make_promise<Result<Published>>();
  auto taken = make_promise<void>();
  auto answer = promise->get_future();
  auto room = taken->get_future();
  auto shared = std::make_shared<const Publication>(std::move(publication));
  // Waits for room, and tells both that it is taken and what becomes of it.
  auto attempt = std::make_shared<std::function<void()>>();
  *attempt = [impl = impl_.get(), promise, taken, shared, again = std::weak_ptr(attempt)] {
    auto result =
        impl->client.publish(*shared, [promise](Result<Published> one) { promise->set_value(std::move(one)); });
    if (!result && result.error().code == ErrorCode::queue_full) {
      return impl->client.on_room([attempt = again.lock()] { (*attempt)(); });
    }
    if (!result) promise->set_value(result.error());
    taken->set_value();
  };
  asio::post(impl_->io, [attempt] { (*attempt)(); });
  room.wait();
  return answer;
}

Result<Published> BlockingClient::publish(Publication publication) {
  const Impl::Waiting waiting(*impl_);
  auto promise = make_promise<Result<Published>>();
  auto answer = promise->get_future();
  auto shared = std::make_shared<const Publication>(std::move(publication));
  asio::post(impl_->io, [impl = impl_.get(), promise, shared] {
    impl->publish_when_room(shared, [promise](Result<Published> result) { promise->set_value(std::move(result)); });
  });
  return answer.get();
}

Result<std::future<Result<Published>>> BlockingClient::try_publish(Publication publication) {
  auto promise = make_promise<Result<Published>>();
  auto answer = promise->get_future();
  const auto taken =
      impl_->compute_there<Result<void>>([promise, publication = std::move(publication)](Client& client) {
        return client.publish(publication, [promise](Result<Published> one) { promise->set_value(std::move(one)); });
      });
  if (!taken) return taken.error();
  return answer;
}

std::vector<Result<Published>> BlockingClient::publish_batch(std::vector<Publication> publications) {
  const Impl::Waiting waiting(*impl_);
  std::vector<std::future<Result<Published>>> answers;
  answers.reserve(publications.size());
  auto pump = std::make_shared<Pump>();
  pump->client = &impl_->client;
  pump->promises.resize(publications.size());
  for (auto& promise : pump->promises) answers.push_back(promise.get_future());
  pump->publications = std::move(publications);
  asio::post(impl_->io, [pump] { pump->run(); });
  std::vector<Result<Published>> results;
  results.reserve(answers.size());
  for (auto& answer : answers) results.push_back(answer.get());
  return results;
}

Result<std::vector<Result<Published>>> BlockingClient::broadcast(std::vector<std::string> channels,
                                                                 Publication publication) {
  return impl_->wait_for<std::vector<Result<Published>>>(
      [channels = std::move(channels), publication = std::move(publication)](Client& client, auto handler) {
        return client.broadcast(channels, publication, std::move(handler));
      });
}

Result<Subscribed> BlockingClient::subscribe(const std::string& channel, const SubscribeOptions& options) {
  const Impl::Waiting waiting(*impl_);
  auto live = make_promise<Result<Subscribed>>();
  auto answer = live->get_future();
  const auto taken = impl_->compute_there<Result<void>>([this, live, channel, options](Client& client) {
    return client.subscribe(channel, options, impl_->channel_handlers(channel, live));
  });
  if (!taken) return taken.error();
  if (answer.wait_for(impl_->options_of_user.command_timeout) == std::future_status::ready) return answer.get();
  // It may come at the last moment. Whether it has is decided on the client's thread, which tells of it.
  const bool came = impl_->compute_there<bool>([&answer, channel](Client& client) {
    if (answer.wait_for(milliseconds(0)) == std::future_status::ready) return true;
    static_cast<void>(client.unsubscribe(channel));
    return false;
  });
  if (came) return answer.get();
  return make_error(ErrorCode::timeout, "there was no answer within command_timeout: is there a connection?");
}

Result<void> BlockingClient::unsubscribe(std::string_view channel) {
  return impl_->compute_there<Result<void>>(
      [name = std::string(channel)](Client& client) { return client.unsubscribe(name); });
}

std::string BlockingClient::position(std::string_view channel) const {
  return impl_->compute_there<std::string>(
      [name = std::string(channel)](const Client& client) { return client.position(name); });
}

std::optional<Event> BlockingClient::next(milliseconds timeout) {
  std::unique_lock lock(impl_->mutex);
  return impl_->pop(lock, after(timeout));
}

std::optional<StoredMessage> BlockingClient::next_message(milliseconds timeout) {
  const auto until = after(timeout);
  std::unique_lock lock(impl_->mutex);
  while (auto event = impl_->pop(lock, until)) {
    if (auto* message = std::get_if<StoredMessage>(&*event)) return std::move(*message);
  }
  return std::nullopt;
}

Result<HistoryPage> BlockingClient::history(HistoryQuery query) {
  return impl_->wait_for<HistoryPage>(
      [query = std::move(query)](Client& client, auto handler) { return client.history(query, std::move(handler)); });
}

Result<MembersPage> BlockingClient::presence(std::string channel, std::string cursor) {
  return impl_->wait_for<MembersPage>(
      [=](Client& client, auto handler) { return client.presence(channel, cursor, std::move(handler)); });
}

Result<ChannelsPage> BlockingClient::channels(ChannelsQuery query) {
  return impl_->wait_for<ChannelsPage>(
      [query = std::move(query)](Client& client, auto handler) { return client.channels(query, std::move(handler)); });
}

Result<std::uint64_t> BlockingClient::disconnect(Target target) {
  return impl_->wait_for<std::uint64_t>([target = std::move(target)](Client& client, auto handler) {
    return client.disconnect(target, std::move(handler));
  });
}

Result<std::uint64_t> BlockingClient::kick(std::string channel, Target target) {
  return impl_->wait_for<std::uint64_t>(
      [=](Client& client, auto handler) { return client.kick(channel, target, std::move(handler)); });
}

Result<std::chrono::microseconds> BlockingClient::ping() {
  return impl_->wait_for<std::chrono::microseconds>(
      [](Client& client, auto handler) { return client.ping(std::move(handler)); });
}

State BlockingClient::state() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->state;
}

void BlockingClient::close() {
  const Impl::Waiting waiting(*impl_);
  auto done = make_promise<void>();
  auto closed = done->get_future();
  asio::post(impl_->io, [this, done] { impl_->client.close([done] { done->set_value(); }); });
  closed.wait();  // close_timeout bounds it
}

}  // namespace crier::client
