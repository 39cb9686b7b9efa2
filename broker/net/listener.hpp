// A public listening socket: accepts, and hands each connection to the loop with the fewest.
// Runs on the administrative loop; owner: the server.
#pragma once

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/steady_timer.hpp>
#include <memory>
#include <string>
#include <vector>

#include "broker/net/worker.hpp"
#include "protocol/base/result.hpp"

namespace crier::net {

class Listener {
 public:
  // "HOST:PORT" or "[V6]:PORT", checked by the configuration; opens and listens. An error is a sentence.
  [[nodiscard]] static Result<std::unique_ptr<Listener>, std::string> open(
      asio::io_context& context, const std::string& address, const std::vector<std::unique_ptr<Worker>>& workers,
      std::size_t connections_max);
  void start();
  void stop();
  // As it was bound, with the port that was chosen: "127.0.0.1:8008".
  [[nodiscard]] std::string address() const;

 private:
  Listener(asio::io_context& context, const std::vector<std::unique_ptr<Worker>>& workers, std::size_t connections_max);
  void wait();
  void accept_ready();
  [[nodiscard]] bool place(int descriptor);
  void turn_away(int descriptor);

  asio::ip::tcp::acceptor acceptor_;
  asio::steady_timer pause_;
  const std::vector<std::unique_ptr<Worker>>& workers_;
  std::vector<std::vector<int>> accepted_;  // of this round, by worker
  std::size_t connections_max_;
};

// "HOST:PORT" → an endpoint to listen on. The error is a sentence.
[[nodiscard]] Result<asio::ip::tcp::endpoint, std::string> resolve(const std::string& address);
// Opens and listens; the error is a sentence that names the address.
[[nodiscard]] Result<asio::ip::tcp::acceptor, std::string> open_acceptor(asio::io_context& context,
                                                                         const std::string& address);
[[nodiscard]] std::string text_of(const asio::ip::tcp::endpoint& endpoint);

}  // namespace crier::net
