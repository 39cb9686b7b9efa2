#include "clients/cpp/link.hpp"

#include <openssl/rand.h>

#include <algorithm>
#include <asio/local/stream_protocol.hpp>
#include <asio/ssl/error.hpp>
#include <asio/write.hpp>
#include <cstring>
#include <utility>

#include "protocol/base/check.hpp"
#include "protocol/websocket/frame_writer.hpp"

namespace crier::client {

namespace {

constexpr std::string_view subprotocol = "crier.v1.json";
constexpr std::size_t read_bytes = 64 * 1024;
constexpr std::size_t mask_pool_bytes = 1024;
constexpr std::size_t pongs_bytes_max = 64 * 1024;

}  // namespace

Link::Link(const asio::any_io_executor& executor, std::shared_ptr<const LinkSettings> settings,
           std::weak_ptr<LinkOwner> owner)
    : settings_(std::move(settings)),
      owner_(std::move(owner)),
      resolver_(executor),
      patience_(executor),
      socket_(executor) {}

void Link::start(const std::string& token) {
  token_ = token;
  heard_at_ = std::chrono::steady_clock::now();
  const Url& url = settings_->url;
  if (url.unix_path.empty()) return resolve();
  endpoints_.emplace_back(asio::local::stream_protocol::endpoint(url.unix_path));
  connect_next();
}

void Link::drop() {
  if (std::exchange(dropped_, true)) return;
  asio::error_code ignored;
  resolver_.cancel();
  patience_.cancel();
  socket_.close(ignored);
}

void Link::end(LinkEnd why) {
  const auto told = owner();
  drop();
  if (told) told->on_link_end(std::move(why));
}

// ---- Getting there ----

void Link::resolve() {
  const Url& url = settings_->url;
  resolver_.async_resolve(
      url.host, std::to_string(url.port), asio::ip::tcp::resolver::numeric_service,
      [self = shared_from_this()](const asio::error_code& error, const asio::ip::tcp::resolver::results_type& found) {
        if (self->dropped_) return;
        if (error)
          return self->end(end_unreachable(self->settings_->url, "its name has no address: " + error.message()));
        for (const auto& one : found) self->endpoints_.emplace_back(one.endpoint());
        self->share_ = self->settings_->connect_timeout / static_cast<int>(found.size() + 1);
        std::reverse(self->endpoints_.begin(), self->endpoints_.end());
        self->connect_next();
      });
}

void Link::connect_next() {
  if (endpoints_.empty()) return end(end_unreachable(settings_->url, last_failure_));
  const Endpoint endpoint = std::move(endpoints_.back());
  endpoints_.pop_back();
  asio::error_code ignored;
  socket_.close(ignored);
  if (!endpoints_.empty()) await_patience();
  socket_.async_connect(endpoint, [self = shared_from_this()](const asio::error_code& error) {
    if (self->dropped_) return;
    // Too late to be cancelled, the patience has closed the socket of a connection that was just there.
    self->patience_.cancel();
    if (!error && self->socket_.is_open()) return self->on_connected();
    const bool given_up = !error || error == asio::error::operation_aborted;
    self->last_failure_ = given_up ? "no answer in time" : error.message();
    self->connect_next();
  });
}

// An address that swallows what is sent to it must not use up the time of all others.
void Link::await_patience() {
  patience_.expires_after(share_);
  patience_.async_wait([self = shared_from_this(), left = endpoints_.size()](const asio::error_code& error) {
    // A wait that was over as something else happened is told without an error, too.
    const bool over = self->dropped_ || self->endpoints_.size() != left || self->handshake_ || self->tls_;
    if (error || over) return;
    asio::error_code ignored;
    self->socket_.close(ignored);
  });
}

void Link::on_connected() {
  asio::error_code ignored;
  if (settings_->url.unix_path.empty()) socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
  if (!settings_->url.tls) return shake_hands();
  // The stream owns the session from here on.
  tls_.emplace(socket_, settings_->tls->new_session(settings_->url.host).release());
  tls_->async_handshake(asio::ssl::stream_base::client, [self = shared_from_this()](const asio::error_code& error) {
    if (self->dropped_) return;
    if (!error) return self->shake_hands();
    const bool by_tls = error.category() == asio::error::get_ssl_category();
    const Url& url = self->settings_->url;
    if (!by_tls) return self->end(end_unreachable(url, "the connection ended during the TLS handshake"));
    const auto code = static_cast<unsigned long>(static_cast<unsigned>(error.value()));
    self->end(end_by_tls(url, describe_tls_failure(self->tls_->native_handle(), code, error.message())));
  });
}

void Link::shake_hands() {
  websocket::UpgradeRequest request;
  request.host = settings_->url.host_header();
  request.target = settings_->url.target;
  CRIER_ASSERT(RAND_bytes(request.nonce.data(), static_cast<int>(request.nonce.size())) == 1);
  request.subprotocols = {std::string(subprotocol)};
  request.compression = settings_->compression;
  request.headers = settings_->headers;
  if (!token_.empty()) request.headers.push_back({"Authorization", "Bearer " + token_});
  std::string().swap(token_);
  handshake_.emplace(request);
  outgoing_ = handshake_->request();
  buffer_.resize(read_bytes);
  write();
  read();
}

std::optional<LinkEnd> Link::refusal() {
  if (!handshake_ || !answered_) return std::nullopt;
  const auto step = handshake_->finish();
  const auto* const refused = std::get_if<websocket::HandshakeRefused>(&step);
  return refused == nullptr ? std::nullopt : std::optional(end_by_refusal(settings_->url, *refused));
}

// ---- Reading ----

void Link::read() {
  if (dropped_ || reading_ || (paused_ && assembler_)) return;
  reading_ = true;
  auto handler = [self = shared_from_this()](const asio::error_code& error, std::size_t bytes) {
    self->reading_ = false;
    if (!self->dropped_) self->on_read(error, bytes);
  };
  const auto into = asio::buffer(buffer_.data(), buffer_.size());
  if (tls_) {
    tls_->async_read_some(into, std::move(handler));
  } else {
    socket_.async_read_some(into, std::move(handler));
  }
}

void Link::on_read(const asio::error_code& error, std::size_t bytes) {
  if (error) {
    // Alerts of TLS 1.3 come after the handshake: our certificate was not good, say.
    const bool by_tls =
        error.category() == asio::error::get_ssl_category() && error != asio::ssl::error::stream_truncated;
    if (by_tls) return end(end_by_tls(settings_->url, "TLS failed: " + error.message()));
    if (!answered_) return end(end_unreachable(settings_->url, "the connection ended without an answer"));
    if (assembler_) return end(end_lost(error.message()));
    const auto step = handshake_->finish();
    if (const auto* refused = std::get_if<websocket::HandshakeRefused>(&step)) {
      return end(end_by_refusal(settings_->url, *refused));
    }
    return end(end_lost("it ended within the answer to the handshake"));
  }
  answered_ = true;
  heard_at_ = std::chrono::steady_clock::now();
  input_ = std::span(buffer_.data(), bytes);
  process();
}

void Link::process() {
  if (!assembler_) process_answer();
  if (assembler_) process_frames();
  if (input_.empty()) read();
}

void Link::process_answer() {
  std::string_view text(input_.data(), input_.size());
  const auto step = handshake_->next(text);
  input_ = input_.last(text.size());
  if (const auto* refused = std::get_if<websocket::HandshakeRefused>(&step)) {
    return end(end_by_refusal(settings_->url, *refused));
  }
  if (const auto* fault = std::get_if<websocket::HandshakeFault>(&step)) {
    return end(end_by_fault(settings_->url, *fault));
  }
  if (const auto* accepted = std::get_if<websocket::HandshakeAccepted>(&step)) {
    if (accepted->subprotocol != subprotocol) {
      return end(end_by_fault(settings_->url, {"does not name the subprotocol crier.v1.json"}));
    }
    assembler_.emplace(websocket::Role::client, settings_->incoming_bytes_max, accepted->deflate);
    handshake_.reset();
  }
}

void Link::process_frames() {
  while (!input_.empty() && !dropped_ && !paused_) {
    const auto told = owner();
    if (!told) return;
    const auto event = assembler_->next(input_, &inflater_);
    if (const auto* message = std::get_if<websocket::Message>(&event)) {
      if (message->opcode == websocket::Opcode::text) {
        told->on_link_text(message->data);
      } else {
        end(end_by_message("it is binary, and text was asked for"));
      }
    } else if (const auto* ping = std::get_if<websocket::Ping>(&event)) {
      // A peer that pings faster than it reads gets fewer answers (RFC 6455 5.5.3).
      if (outgoing_.size() > pongs_bytes_max) continue;
      append_frame(websocket::Opcode::pong, ping->payload);
      write();
    } else if (const auto* closed = std::get_if<websocket::CloseFrame>(&event)) {
      if (!std::exchange(closing_, true)) {
        append_frame(websocket::Opcode::close, websocket::close_payload(closed->code, ""));
        write();
      }
      end(end_by_close(closed->code, closed->reason));
    } else if (const auto* fault = std::get_if<websocket::FrameError>(&event)) {
      append_frame(websocket::Opcode::close, websocket::close_payload(describe(*fault).code, ""));
      write();
      end(end_by_frame(*fault, settings_->incoming_bytes_max));
    }
  }
}

void Link::pause_reading(bool paused) {
  paused_ = paused;
  if (paused || dropped_ || !assembler_) return;
  heard_at_ = std::chrono::steady_clock::now();  // what came meanwhile was not looked at
  asio::post(socket_.get_executor(), [self = shared_from_this()] {
    if (!self->dropped_ && !self->reading_) self->process();
  });
}

// ---- Writing ----

// Unpredictable (RFC 6455 10.3), and drawn many at once: OpenSSL's generator costs much for each call.
std::uint32_t Link::next_mask() {
  std::uint32_t mask = 0;
  if (masks_.size() < sizeof mask) {
    masks_.resize(mask_pool_bytes);
    CRIER_ASSERT(RAND_bytes(masks_.data(), static_cast<int>(masks_.size())) == 1);
  }
  std::memcpy(&mask, masks_.data() + masks_.size() - sizeof mask, sizeof mask);
  masks_.resize(masks_.size() - sizeof mask);
  return mask;
}

void Link::append_frame(websocket::Opcode opcode, std::string_view payload) {
  websocket::append_client_frame(outgoing_, opcode, payload, next_mask());
}

void Link::send(std::string_view text) {
  append_frame(websocket::Opcode::text, text);
  write();
}

void Link::close(websocket::CloseCode code) {
  if (dropped_ || !assembler_ || std::exchange(closing_, true)) return;
  append_frame(websocket::Opcode::close, websocket::close_payload(code, ""));
  write();
}

void Link::write() {
  if (dropped_ || writing_ || outgoing_.empty()) return;
  writing_ = true;
  written_.swap(outgoing_);
  outgoing_.clear();
  auto handler = [self = shared_from_this()](const asio::error_code& error, std::size_t /*bytes*/) {
    self->writing_ = false;
    if (self->dropped_) return;
    // Why the connection has ended is told by what can still be read: a close frame, an answer of HTTP's.
    if (error) return;
    if (!self->outgoing_.empty()) return self->write();
    const auto told = self->owner();
    if (told && self->assembler_) told->on_link_ready();
  };
  const auto bytes = asio::buffer(written_);
  if (tls_) {
    asio::async_write(*tls_, bytes, std::move(handler));
  } else {
    asio::async_write(socket_, bytes, std::move(handler));
  }
}

}  // namespace crier::client
