#include "broker/admin/admin_server.hpp"

#include <prometheus/gauge.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <array>
#include <asio/buffer.hpp>
#include <asio/steady_timer.hpp>
#include <asio/write.hpp>
#include <charconv>
#include <chrono>
#include <cmath>
#include <nlohmann/json.hpp>
#include <system_error>
#include <utility>

#include "broker/admin/log_collector.hpp"
#include "broker/config/version.hpp"
#include "broker/net/listener.hpp"
#include "broker/net/response_headers.hpp"
#include "broker/net/worker.hpp"
#include "protocol/base/check.hpp"
#include "protocol/http/request_parser.hpp"

namespace crier::admin {

namespace {

constexpr std::size_t connections_max = 64;
constexpr std::chrono::seconds request_time_max{10};  // also for a scrape that does not read its answer
constexpr std::chrono::seconds idle_time_max{60};

constexpr std::chrono::milliseconds pause_after_error{100};

// Of GET /channels.
constexpr std::size_t channels_usual = 20;
constexpr std::size_t channels_max = 1000;

http::Response text(int status, std::string body) {
  http::Response response;
  response.status = status;
  response.content_type = "text/plain; charset=utf-8";
  response.body = std::move(body);
  return response;
}

http::Response json(int status, std::string body) {
  http::Response response = text(status, std::move(body));
  response.content_type = "application/json";
  return response;
}

std::string listing_of(const std::vector<hub::BusyChannel>& channels, bool more) {
  nlohmann::json entries = nlohmann::json::array();
  for (const hub::BusyChannel& channel : channels) {
    entries.push_back({{"channel", channel.channel},
                       {"subscribers", channel.subscriptions},
                       {"published_per_second", std::round(channel.published_per_second * 10) / 10}});
  }
  return nlohmann::json{{"channels", std::move(entries)}, {"more", more}}.dump() + "\n";
}

}  // namespace

// One connection: read a request, answer it, read the next. Kept alive by its own pending operations, and by
// an answer that it waits for.
class AdminServer::Exchange : public std::enable_shared_from_this<Exchange> {
 public:
  Exchange(const AdminServer& server, asio::ip::tcp::socket socket)
      : server_(server),
        socket_(std::move(socket)),
        timer_(socket_.get_executor()),
        parser_({.body_bytes_max = 4096}) {}

  void read() {
    // From a request's first byte on: reading more of it gives no more time.
    idle_ = !parser_.in_progress();
    if (idle_) limit_time(answered_ ? idle_time_max : request_time_max);
    socket_.async_read_some(asio::buffer(buffer_),
                            [self = shared_from_this()](const asio::error_code& error, std::size_t got) {
                              if (error) return self->close();
                              self->take(std::string_view(self->buffer_.data(), got));
                            });
  }

  // Waits for a request, and has nothing of one yet.
  [[nodiscard]] bool idle() const noexcept { return idle_; }
  // Has an answer that its peer has not read yet.
  [[nodiscard]] bool answering() const noexcept { return answering_; }

  void close() {
    asio::error_code ignored;  // closing is all that is left to do
    timer_.cancel();
    socket_.close(ignored);
  }

 private:
  void take(std::string_view input) {
    idle_ = false;
    if (!parser_.in_progress()) limit_time(request_time_max);
    input_.append(input);
    next_request();
  }

  void next_request() {
    std::string_view input = input_;
    for (;;) {
      http::ParseStep step = parser_.next(input);
      if (std::holds_alternative<http::HeadComplete>(step)) continue;
      input_.erase(0, input_.size() - input.size());
      if (std::holds_alternative<http::NeedMore>(step)) return read();
      if (const auto* const fault = std::get_if<http::RequestFault>(&step)) {
        http::Response response = http::problem_response({fault->status, "bad_request", fault->detail, ""});
        net::add_answer_policy(response.headers);
        response.close = true;
        return write(response);
      }
      return server_.answer(parser_.head(), [self = shared_from_this()](http::Response response) {
        self->finish_request(std::move(response));
      });
    }
  }

  void finish_request(http::Response response) {
    if (!socket_.is_open()) return;  // its time was over before the answer came
    response.head_only = parser_.head().method == "HEAD";
    response.close = !parser_.head().keep_alive() || response.status >= 400 || !server_.acceptor_.is_open();
    parser_.reset();
    write(response);
  }

  void write(const http::Response& response) {
    answered_ = true;
    output_ = http::write_response(response);
    answering_ = true;
    limit_time(request_time_max);
    asio::async_write(socket_, asio::buffer(output_),
                      [self = shared_from_this(), last = response.close](const asio::error_code& error, std::size_t) {
                        self->answering_ = false;
                        if (error || last) return self->close();
                        self->next_request();
                      });
  }

  void limit_time(std::chrono::seconds time) {
    timer_.expires_after(time);
    timer_.async_wait([weak = weak_from_this()](const asio::error_code& error) {
      if (const auto self = weak.lock(); self && !error) self->close();
    });
  }

  const AdminServer& server_;
  asio::ip::tcp::socket socket_;
  asio::steady_timer timer_;
  http::RequestParser parser_;
  std::array<char, 4096> buffer_;
  std::string input_;
  std::string output_;
  bool idle_ = true;
  bool answering_ = false;
  bool answered_ = false;
};

AdminServer::AdminServer(asio::io_context& context, asio::ip::tcp::acceptor acceptor, std::vector<std::string> hosts,
                         std::vector<const runtime::ThreadMetrics*> threads)
    : acceptor_(std::move(acceptor)),
      pause_(context),
      access_(acceptor_.local_endpoint().address().is_loopback(), std::move(hosts)),
      readiness_(threads),
      broker_metrics_(std::move(threads)),
      registry_(std::make_shared<prometheus::Registry>()) {
  prometheus::BuildGauge()
      .Name("crier_build_info")
      .Help("Always 1; the labels say which build runs.")
      .Register(*registry_)
      .Add({{"version", std::string(config::version())}, {"compiler", "g++ " __VERSION__}})
      .Set(1);
}

AdminServer::~AdminServer() = default;

void AdminServer::set_access(std::shared_ptr<const auth::Authenticator> authenticator, std::vector<std::string> hosts,
                             bool anyone_may_act) {
  access_.set(std::move(authenticator), std::move(hosts), anyone_may_act);
}

void AdminServer::start() {
  accept();
}

std::string AdminServer::address() const {
  return net::text_of(acceptor_.local_endpoint());
}

void AdminServer::resume() {
  paused_ = false;
  accept();
}

void AdminServer::stop() {
  asio::error_code ignored;  // closing is all that is left to do
  acceptor_.close(ignored);
  pause_.cancel();
  // Whoever keeps a connection to ask again finds the other process by the next one.
  for (const auto& weak : exchanges_) {
    if (const auto exchange = weak.lock(); exchange && exchange->idle()) exchange->close();
  }
}

void AdminServer::accept() {
  if (paused_ || std::exchange(accepting_, true)) return;
  acceptor_.async_accept([this](const asio::error_code& error, asio::ip::tcp::socket socket) {
    accepting_ = false;
    if (!acceptor_.is_open()) return;
    exchanges_.remove_if([](const auto& weak) { return weak.expired(); });
    if (!error && exchanges_.size() >= connections_max) make_room();
    if (!error && exchanges_.size() < connections_max) {
      const auto exchange = std::make_shared<Exchange>(*this, std::move(socket));
      exchanges_.push_back(exchange);
      exchange->read();
    }
    if (!error) return accept();
    // No descriptors, most likely: asking again at once would only spin.
    pause_.expires_after(pause_after_error);
    pause_.async_wait([this](const asio::error_code& stopped) {
      if (!stopped) accept();
    });
  });
}

// Whoever comes may have something to ask. Whoever has been here longest without asking makes room, and where nobody is
// idle, whoever has been here longest and does not read its answer.
void AdminServer::make_room() {
  const auto give_up_first = [this](auto wanted) {
    const auto found = std::find_if(exchanges_.begin(), exchanges_.end(), [&](const std::weak_ptr<Exchange>& weak) {
      const auto exchange = weak.lock();
      return exchange && wanted(*exchange);
    });
    if (found == exchanges_.end()) return false;
    found->lock()->close();
    exchanges_.erase(found);
    return true;
  };
  if (give_up_first([](const Exchange& exchange) { return exchange.idle(); })) return;
  static_cast<void>(give_up_first([](const Exchange& exchange) { return exchange.answering(); }));
}

void AdminServer::answer(const http::RequestHead& head, const std::function<void(http::Response)>& done) const {
  // No CORS headers, ever: no other page reads what is here.
  const auto with_policy = [done](http::Response response) {
    net::add_answer_policy(response.headers);
    done(std::move(response));
  };
  auto refusal = access_.refuse(head, net::now().shown_ms() / 1000);
  if (!refusal) return answer_place(head, with_policy);
  http::Response response =
      http::problem_response({refusal->status, std::string(refusal->code), std::move(refusal->detail), ""});
  for (http::Header& header : refusal->headers) response.headers.push_back(std::move(header));
  with_policy(std::move(response));
}

void AdminServer::answer_place(const http::RequestHead& head, const std::function<void(http::Response)>& done) const {
  if (head.path() == "/metrics") {
    http::Response response = text(200, metrics_text());
    response.content_type = "text/plain; version=0.0.4; charset=utf-8";
    return done(std::move(response));
  }
  if (head.path() == "/healthz") return done(text(200, "ok\n"));
  if (head.path() == "/readyz") {
    const std::string why = readiness_.not_ready_because(net::steady_ns() / 1'000'000);
    return done(why.empty() ? text(200, "ready\n") : text(503, "not ready: " + why + "\n"));
  }
  if (head.path() == drain_path && drain_) return done(json(202, drain_()));
  if (head.path() == channels_path && channels_) return answer_channels(head, done);
  done(text(404, "GET /metrics /healthz /readyz /channels, POST /drain\n"));
}

void AdminServer::answer_channels(const http::RequestHead& head,
                                  const std::function<void(http::Response)>& done) const {
  std::size_t limit = channels_usual;
  for (const auto& [name, value] : http::parse_query(head.query())) {
    if (name != "limit") continue;
    const auto [end, fault] = std::from_chars(value.data(), value.data() + value.size(), limit);
    if (fault != std::errc{} || end != value.data() + value.size() || limit == 0 || limit > channels_max) {
      return done(http::problem_response(
          {400, "bad_request", "limit: expected 1 to " + std::to_string(channels_max) + ", found '" + value + "'",
           ""}));
    }
  }
  channels_(limit, [done](const std::vector<hub::BusyChannel>& channels, bool more) {
    done(json(200, listing_of(channels, more)));
  });
}

std::string AdminServer::metrics_text() const {
  std::vector<prometheus::MetricFamily> families = registry_->Collect();
  for (const prometheus::Collectable* source : {static_cast<const prometheus::Collectable*>(&broker_metrics_),
                                                static_cast<const prometheus::Collectable*>(&process_metrics_)}) {
    for (auto& family : source->Collect()) families.push_back(std::move(family));
  }
  for (auto& family : collect(reloads_)) families.push_back(std::move(family));
  for (auto& family : collect_log()) families.push_back(std::move(family));
  return prometheus::TextSerializer{}.Serialize(families);
}

}  // namespace crier::admin
