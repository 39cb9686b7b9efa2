#include "clients/cli/top/admin_request.hpp"

#include <array>
#include <asio/connect.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/steady_timer.hpp>
#include <asio/write.hpp>
#include <memory>
#include <utility>

#include "broker/config/units.hpp"
#include "protocol/http/response_parser.hpp"

namespace crier::cli {

namespace {

using asio::ip::tcp;

constexpr std::size_t answer_bytes_max = 16 * 1024 * 1024;

class AdminRequest : public std::enable_shared_from_this<AdminRequest> {
 public:
  AdminRequest(asio::io_context& context, std::string request, std::function<void(AdminAnswer)> done)
      : resolver_(context),
        socket_(context),
        deadline_(context),
        request_(std::move(request)),
        parser_({.body_bytes_max = answer_bytes_max}),
        done_(std::move(done)) {}

  void start(const AdminPlace& place, std::chrono::milliseconds time_max) {
    deadline_.expires_after(time_max);
    deadline_.async_wait([self = shared_from_this(), time_max](const asio::error_code& error) {
      if (!error) self->fail("no answer within " + config::duration_text(time_max));
    });
    resolver_.async_resolve(place.host, place.port, [self = shared_from_this()](const auto& error, const auto& places) {
      if (error) return self->fail(error.message());
      self->connect(places);
    });
  }

 private:
  void connect(const tcp::resolver::results_type& places) {
    asio::async_connect(socket_, places,
                        [self = shared_from_this()](const asio::error_code& error, const tcp::endpoint& /*where*/) {
                          if (error) return self->fail(error.message());
                          self->send();
                        });
  }

  void send() {
    asio::async_write(socket_, asio::buffer(request_),
                      [self = shared_from_this()](const asio::error_code& error, std::size_t /*sent*/) {
                        if (error) return self->fail(error.message());
                        self->read();
                      });
  }

  void read() {
    socket_.async_read_some(asio::buffer(buffer_),
                            [self = shared_from_this()](const asio::error_code& error, std::size_t bytes) {
                              if (error) return self->conclude(self->parser_.finish());
                              self->take(bytes);
                            });
  }

  void take(std::size_t bytes) {
    std::string_view input(buffer_.data(), bytes);
    http::ResponseStep step = parser_.next(input);
    while (std::holds_alternative<http::HeadComplete>(step)) step = parser_.next(input);
    if (std::holds_alternative<http::NeedMore>(step)) return read();
    conclude(step);
  }

  void conclude(const http::ResponseStep& step) {
    if (!std::holds_alternative<http::ResponseComplete>(step)) {
      return fail("it does not speak HTTP: is that the administrative listener?");
    }
    finish({parser_.head().status, parser_.body(), ""});
  }

  void fail(std::string what) { finish({0, "", std::move(what)}); }

  void finish(AdminAnswer answer) {
    if (!done_) return;
    deadline_.cancel();
    resolver_.cancel();
    asio::error_code ignored;
    socket_.close(ignored);
    std::exchange(done_, nullptr)(std::move(answer));
  }

  tcp::resolver resolver_;
  tcp::socket socket_;
  asio::steady_timer deadline_;
  std::string request_;
  http::ResponseParser parser_;
  std::array<char, 16 * 1024> buffer_{};
  std::function<void(AdminAnswer)> done_;
};

}  // namespace

Result<AdminPlace, Fault> parse_admin(std::string_view text) {
  if (text.starts_with("https://")) return Fault{"the administrative listener speaks plain HTTP: write http://"};
  if (text.starts_with("http://")) text.remove_prefix(7);
  if (text.ends_with('/')) text.remove_suffix(1);
  const std::size_t colon = text.rfind(':');
  const bool plain = text.find_first_of("/@? \r\n") == std::string_view::npos;
  if (!plain || colon == std::string_view::npos || colon == 0 || colon + 1 == text.size()) {
    return Fault{"expected http://HOST:PORT, as http://127.0.0.1:9008"};
  }
  AdminPlace place{std::string(text.substr(0, colon)), std::string(text.substr(colon + 1)), std::string(text)};
  if (place.host.size() > 2 && place.host.front() == '[' && place.host.back() == ']') {
    place.host = place.host.substr(1, place.host.size() - 2);
  }
  return place;
}

void ask_admin(asio::io_context& context, const AdminPlace& place, const std::string& path, const std::string& key,
               std::chrono::milliseconds time_max, std::function<void(AdminAnswer)> done) {
  std::string request = "GET " + path + " HTTP/1.1\r\nHost: " + place.authority + "\r\nConnection: close\r\n";
  if (!key.empty()) request += "Authorization: Bearer " + key + "\r\n";
  std::make_shared<AdminRequest>(context, request + "\r\n", std::move(done))->start(place, time_max);
}

}  // namespace crier::cli
