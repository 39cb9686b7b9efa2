// The composition root: what exists, in which order it starts, and in which it stops.
#pragma once

#include <asio/io_context.hpp>
#include <asio/signal_set.hpp>
#include <asio/steady_timer.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "broker/admin/admin_server.hpp"
#include "broker/config/config.hpp"
#include "broker/net/listener.hpp"
#include "broker/net/worker.hpp"
#include "broker/state/state_dir.hpp"
#include "protocol/base/result.hpp"

namespace crier {

class Server {
 public:
  explicit Server(config::Config config);
  ~Server();

  // Takes up the state that an earlier life left, and opens every listener; an error is a sentence, and nothing runs
  // then.
  [[nodiscard]] Result<std::monostate, std::string> open();
  // Runs until SIGTERM or SIGINT; a second one ends at once. Returns the exit code: not 0 when the state could
  // not be kept.
  [[nodiscard]] int run();

 private:
  [[nodiscard]] Result<std::monostate, std::string> take_state();
  [[nodiscard]] bool save_state();
  void print_summary() const;
  void on_signal();
  void begin_drain();
  void wait_for_last_connection();

  config::Config config_;
  std::shared_ptr<const auth::Authenticator> authenticator_;
  std::size_t descriptors_ = 0;
  std::size_t connections_max_ = 0;
  asio::io_context context_{1};  // the administrative thread's: signals, accepting, metrics
  std::optional<state::StateDir> state_dir_;
  std::string epoch_;
  std::vector<std::unique_ptr<net::Worker>> workers_;
  std::vector<std::unique_ptr<net::Listener>> listeners_;
  std::unique_ptr<admin::AdminServer> admin_;
  asio::signal_set signals_{context_};
  asio::steady_timer drain_timer_{context_};
  std::chrono::steady_clock::time_point drain_until_;
  bool draining_ = false;
};

}  // namespace crier
