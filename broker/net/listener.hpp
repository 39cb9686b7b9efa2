// A public listening socket: accepts, and hands each connection to the loop with the fewest.
// Runs on the administrative loop; owner: the server.
#pragma once

#include <sys/socket.h>

#include <array>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/steady_timer.hpp>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/net/admission.hpp"
#include "broker/net/connection.hpp"
#include "broker/net/gate.hpp"
#include "broker/net/inherited_sockets.hpp"
#include "broker/net/unix_socket.hpp"
#include "broker/net/worker.hpp"
#include "protocol/base/result.hpp"

namespace crier::net {

class Listener {
 public:
  struct Settings {
    std::size_t connections_max = 0;
    Gate* gate = nullptr;  // of the server; it outlives the listener
    std::vector<std::string> trusted_proxies;
    // What connections begin with. On a Unix socket they speak no TLS: see tls_context.hpp.
    Opening opening;
  };
  // "HOST:PORT", "[V6]:PORT" or "unix:/path", checked by the configuration; takes one that was inherited, or opens it
  // and listens. An error is a sentence.
  [[nodiscard]] static Result<std::unique_ptr<Listener>, std::string> open(
      asio::io_context& context, const std::string& address, InheritedSockets& inherited,
      const std::vector<std::unique_ptr<Worker>>& workers, Settings settings);
  void start();
  // Closes. Where others hold the socket too, who connects waits in its backlog; otherwise they are refused.
  void stop();
  // Between the two nobody is accepted, and who connects waits.
  void pause();
  void resume();
  // For a process that takes over; still this one's.
  [[nodiscard]] int descriptor() { return acceptor_.native_handle(); }
  // The socket is somebody else's too from now on: `stop` leaves its file alone.
  void share() noexcept;
  // A reload: for connections from now on; those that are there keep theirs.
  void set_tls(std::shared_ptr<const TlsContexts> contexts);
  void set_trusted_proxies(std::vector<std::string> networks) { settings_.trusted_proxies = std::move(networks); }
  [[nodiscard]] bool secure() const noexcept { return settings_.opening.tls != nullptr; }
  // As it was bound, with the port that was chosen: "http://127.0.0.1:8008/", "https://...", "unix:/path".
  [[nodiscard]] std::string url() const;

 private:
  Listener(asio::io_context& context, int descriptor, std::string address,
           const std::vector<std::unique_ptr<Worker>>& workers, Settings settings);
  void wait();
  void accept_ready();
  void take_in(int descriptor, const sockaddr_storage& peer);
  [[nodiscard]] AddressKey counted_as(const sockaddr_storage& peer) const;
  void turn_away(int descriptor, NoRoom why, const sockaddr_storage& peer);
  void deal_out();

  asio::posix::stream_descriptor acceptor_;
  std::optional<UnixSocket> file_;  // none where it was inherited
  std::string address_;
  bool unix_;
  bool paused_ = false;
  bool waiting_ = false;  // for somebody to accept
  asio::steady_timer pause_;
  bool out_of_descriptors_ = false;
  const std::vector<std::unique_ptr<Worker>>& workers_;
  // Of this round, by worker.
  std::vector<std::vector<Accepted>> accepted_;
  std::array<std::size_t, no_room_reasons> turned_away_{};
  Settings settings_;
};

// "HOST:PORT" → an endpoint to listen on. The error is a sentence.
[[nodiscard]] Result<asio::ip::tcp::endpoint, std::string> resolve(const std::string& address);
// Opens and listens; the error is a sentence that names the address.
[[nodiscard]] Result<asio::ip::tcp::acceptor, std::string> open_acceptor(asio::io_context& context,
                                                                         const std::string& address,
                                                                         InheritedSockets& inherited);
[[nodiscard]] std::string text_of(const asio::ip::tcp::endpoint& endpoint);

}  // namespace crier::net
