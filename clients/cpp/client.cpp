#include <crier/client.hpp>

#include <openssl/rand.h>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <stdexcept>
#include <utility>

#include "clients/cpp/core.hpp"
#include "clients/cpp/link.hpp"
#include "protocol/base/check.hpp"

namespace crier::client {

namespace {

std::shared_ptr<const LinkSettings> make_settings(const Options& options) {
  if (const auto fault = check_options(options)) throw std::invalid_argument("crier: " + *fault);
  auto url = parse_url(options.url);
  if (!url) throw std::invalid_argument("crier: the URL '" + options.url + "' " + url.error().detail);
  auto settings = std::make_shared<LinkSettings>();
  settings->url = std::move(*url);
  settings->compression = options.compression;
  settings->incoming_bytes_max = options.incoming_bytes_max;
  settings->connect_timeout = options.connect_timeout;
  for (const auto& [name, value] : options.headers) settings->headers.push_back({name, value});
  if (settings->url.tls) {
    auto context = TlsContext::make(options.tls);
    if (!context) throw std::invalid_argument("crier: " + context.error().detail);
    settings->tls = std::make_shared<const TlsContext>(std::move(*context));
  }
  return settings;
}

}  // namespace

// The core's port to the world: an executor, a timer, a link at a time.
class Client::Impl : public Port, public LinkOwner, public std::enable_shared_from_this<Impl> {
 public:
  Impl(asio::any_io_executor executor, const Options& options, ClientHandlers handlers)
      : executor_(std::move(executor)),
        timer_(executor_),
        settings_(make_settings(options)),
        token_source_(options.token_source),
        core_(*this, options, std::move(handlers)) {}

  [[nodiscard]] Core& core() { return core_; }

  void abandon() {
    core_.abandon();
    drop();
    timer_.cancel();
  }

  // ---- Port
  TimePoint now() override { return std::chrono::steady_clock::now(); }
  std::uint64_t random() override {
    std::uint64_t number = 0;
    CRIER_ASSERT(RAND_bytes(reinterpret_cast<unsigned char*>(&number), sizeof number) == 1);
    return number;
  }
  void connect(const std::string& token) override {
    drop();
    link_ = std::make_shared<Link>(executor_, settings_, weak_from_this());
    link_->pause_reading(paused_);
    link_->start(token);
  }
  std::optional<LinkEnd> refusal() override { return link_ ? link_->refusal() : std::nullopt; }
  void drop() override {
    if (link_) link_->drop();
    link_.reset();
  }
  bool ready() override { return link_ && link_->ready(); }
  void send(std::string_view text) override { link_->send(text); }
  void close(websocket::CloseCode code) override { link_->close(code); }
  TimePoint heard_at() override { return link_ ? link_->heard_at() : TimePoint{}; }
  void pause_reading(bool paused) override {
    paused_ = paused;
    if (link_) link_->pause_reading(paused);
  }
  void want_turn() override {
    if (std::exchange(turn_wanted_, true)) return;
    asio::post(executor_, [weak = weak_from_this()] {
      const auto self = weak.lock();
      if (!self) return;
      self->turn_wanted_ = false;
      self->core_.turn();
    });
  }
  void want_time(TimePoint at) override {
    if (timer_at_ && *timer_at_ <= at) return;  // it comes early, and is asked for anew then
    timer_at_ = at;
    timer_.expires_at(at);
    timer_.async_wait([weak = weak_from_this()](const asio::error_code& error) {
      const auto self = weak.lock();
      if (error || !self) return;
      self->timer_at_.reset();
      self->core_.on_time();
    });
  }
  // A timer that nobody needs would keep the user's context running.
  void want_no_time() override {
    if (!timer_at_) return;
    timer_at_.reset();
    timer_.cancel();
  }
  void ask_token(TokenReason reason, std::uint64_t question) override {
    const auto reply = [weak = weak_from_this(), executor = executor_, question](Result<std::string> token) {
      asio::post(executor, [weak, question, token = std::move(token)]() mutable {
        if (const auto self = weak.lock()) self->core_.on_token(question, std::move(token));
      });
    };
    // It is the user's code, and on the blocking client's thread nobody could catch what it throws.
    try {
      token_source_(reason, reply);
    } catch (const std::exception& thrown) {
      reply(make_error(ErrorCode::unauthorized, std::string("it has thrown: ") + thrown.what()));
    }
  }

  // ---- LinkOwner
  void on_link_text(std::string_view text) override { core_.on_text(text); }
  void on_link_ready() override { core_.on_ready(); }
  void on_link_end(LinkEnd end) override { core_.on_end(std::move(end)); }

 private:
  asio::any_io_executor executor_;
  asio::steady_timer timer_;
  std::optional<TimePoint> timer_at_;
  bool turn_wanted_ = false;
  bool paused_ = false;
  std::shared_ptr<const LinkSettings> settings_;
  TokenSource token_source_;
  std::shared_ptr<Link> link_;
  Core core_;
};

Client::Client(asio::any_io_executor executor, const Options& options, ClientHandlers handlers)
    : impl_(std::make_shared<Impl>(std::move(executor), options, std::move(handlers))) {}

Client::~Client() {
  if (impl_) impl_->abandon();
}

Client::Client(Client&&) noexcept = default;

Client& Client::operator=(Client&& other) noexcept {
  if (this == &other) return *this;
  if (impl_) impl_->abandon();
  impl_ = std::move(other.impl_);
  return *this;
}

void Client::start() {
  impl_->core().start();
}

void Client::close(std::function<void()> done) {
  impl_->core().close(std::move(done));
}

Result<void> Client::publish(Publication publication, PublishHandler handler) {
  return impl_->core().publish(std::move(publication), std::move(handler));
}

Result<void> Client::publish(Publication publication) {
  return impl_->core().publish(std::move(publication), {});
}

Result<void> Client::publish_batch(std::vector<Publication> publications,
                                   std::function<void(std::vector<Result<Published>>)> handler) {
  return impl_->core().publish_batch(std::move(publications), std::move(handler));
}

Result<void> Client::broadcast(std::vector<std::string> channels, Publication publication,
                               ReplyHandler<std::vector<Result<Published>>> handler) {
  return impl_->core().broadcast(std::move(channels), std::move(publication), std::move(handler));
}

void Client::on_room(std::function<void()> handler) {
  impl_->core().on_room(std::move(handler));
}

std::size_t Client::outbox_bytes() const {
  return impl_->core().outbox().bytes();
}

Result<void> Client::subscribe(std::string channel, SubscribeOptions options, SubscriptionHandlers handlers) {
  return impl_->core().subscribe(std::move(channel), std::move(options), std::move(handlers));
}

Result<void> Client::unsubscribe(std::string_view channel) {
  return impl_->core().unsubscribe(channel);
}

std::string Client::position(std::string_view channel) const {
  return impl_->core().position(channel);
}

void Client::pause() {
  impl_->core().pause(true);
}

void Client::resume() {
  impl_->core().pause(false);
}

Result<void> Client::history(const HistoryQuery& query, ReplyHandler<HistoryPage> handler) {
  return impl_->core().history(query, std::move(handler));
}

Result<void> Client::presence(const std::string& channel, const std::string& cursor,
                              ReplyHandler<MembersPage> handler) {
  return impl_->core().presence(channel, cursor, std::move(handler));
}

Result<void> Client::channels(const ChannelsQuery& query, ReplyHandler<ChannelsPage> handler) {
  return impl_->core().channels(query, std::move(handler));
}

Result<void> Client::disconnect(const Target& target, ReplyHandler<std::uint64_t> handler) {
  return impl_->core().disconnect(target, std::move(handler));
}

Result<void> Client::kick(const std::string& channel, const Target& target, ReplyHandler<std::uint64_t> handler) {
  return impl_->core().kick(channel, target, std::move(handler));
}

Result<void> Client::ping(ReplyHandler<std::chrono::microseconds> handler) {
  return impl_->core().ping(std::move(handler));
}

State Client::state() const {
  return impl_->core().state();
}

}  // namespace crier::client
