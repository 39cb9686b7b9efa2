// One connection to a broker, from its name to its end: addresses, TLS, the handshake, frames.
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/generic/stream_protocol.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/ssl/stream.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "clients/cpp/outbox.hpp"
#include "clients/cpp/tls_context.hpp"
#include "clients/cpp/url.hpp"
#include "clients/cpp/verdict.hpp"
#include "protocol/websocket/client_handshake.hpp"
#include "protocol/websocket/deflate.hpp"
#include "protocol/websocket/message_assembler.hpp"

namespace crier::client {

// Called on the link's executor. A link that was dropped calls nothing.
class LinkOwner {
 public:
  virtual ~LinkOwner() = default;
  virtual void on_link_text(std::string_view text) = 0;
  virtual void on_link_ready() = 0;
  virtual void on_link_end(LinkEnd end) = 0;  // once, and the last call
};

struct LinkSettings {
  Url url;
  std::shared_ptr<const TlsContext> tls;  // where url.tls
  std::vector<http::Header> headers;
  bool compression = false;
  std::size_t incoming_bytes_max = 0;
  std::chrono::milliseconds connect_timeout{};  // the addresses share it
};

class Link : public std::enable_shared_from_this<Link> {
 public:
  Link(const asio::any_io_executor& executor, std::shared_ptr<const LinkSettings> settings,
       std::weak_ptr<LinkOwner> owner);

  void start(const std::string& token);
  // The socket is closed at once.
  void drop();
  // Has everything been written, so that another message may be sent?
  [[nodiscard]] bool ready() const { return assembler_.has_value() && !writing_ && outgoing_.empty() && !closing_; }
  void send(std::string_view text);
  void close(websocket::CloseCode code);
  void pause_reading(bool paused);
  // Before the end of the handshake: what an answer without an end says by now, if its head has come.
  [[nodiscard]] std::optional<LinkEnd> refusal();
  [[nodiscard]] TimePoint heard_at() const { return heard_at_; }

 private:
  using Socket = asio::generic::stream_protocol::socket;
  using Endpoint = asio::generic::stream_protocol::endpoint;

  void resolve();
  void connect_next();
  void await_patience();
  void on_connected();
  void shake_hands();
  void read();
  void on_read(const asio::error_code& error, std::size_t bytes);
  void process();
  void process_answer();
  void process_frames();
  void write();
  void append_frame(websocket::Opcode opcode, std::string_view payload);
  [[nodiscard]] std::uint32_t next_mask();
  void end(LinkEnd end);
  [[nodiscard]] std::shared_ptr<LinkOwner> owner() const { return dropped_ ? nullptr : owner_.lock(); }

  std::shared_ptr<const LinkSettings> settings_;
  std::weak_ptr<LinkOwner> owner_;
  asio::ip::tcp::resolver resolver_;
  asio::steady_timer patience_;  // with the address that is being tried, while there are others
  std::chrono::milliseconds share_{};
  Socket socket_;
  std::optional<asio::ssl::stream<Socket&>> tls_;
  std::vector<Endpoint> endpoints_;  // still to be tried, the next one last
  std::string last_failure_;
  std::string token_;
  bool dropped_ = false;
  bool paused_ = false;
  bool reading_ = false;
  bool writing_ = false;
  bool closing_ = false;
  bool answered_ = false;  // something came
  TimePoint heard_at_{};

  std::optional<websocket::ClientHandshake> handshake_;
  std::optional<websocket::MessageAssembler> assembler_;  // once the handshake is over
  websocket::Inflater inflater_;
  std::vector<char> buffer_;
  std::span<char> input_;             // of buffer_: what was not looked at yet
  std::string outgoing_;              // frames behind those that are being written
  std::string written_;               // what is being written
  std::vector<unsigned char> masks_;  // random bytes that were not used yet
};

}  // namespace crier::client
