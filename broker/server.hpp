// The composition root: what exists, in which order it starts, and in which it stops.
#pragma once

#include <asio/io_context.hpp>
#include <asio/signal_set.hpp>
#include <asio/steady_timer.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/admin/admin_server.hpp"
#include "broker/config/config_loader.hpp"
#include "broker/file_watch.hpp"
#include "broker/net/listener.hpp"
#include "broker/net/worker.hpp"
#include "broker/state/state_dir.hpp"
#include "broker/trust.hpp"
#include "protocol/base/result.hpp"

namespace crier {

class Server {
 public:
  // `load` reads the command line, the environment and the file again, for a reload; `loaded` is what it gave at first.
  Server(config::CommandLine loaded, std::function<config::CommandLine()> load);
  ~Server();

  // Takes up the state that an earlier life left, and opens every listener; an error is a sentence, and nothing runs
  // then.
  [[nodiscard]] Result<std::monostate, std::string> open();
  // Runs until SIGTERM or SIGINT; a second one ends at once. SIGHUP reloads. Returns the exit code: not 0 when the
  // state could not be kept.
  [[nodiscard]] int run();

 private:
  [[nodiscard]] Result<std::monostate, std::string> take_state();
  [[nodiscard]] bool save_state();
  void print_summary() const;

  // server_reload.cpp
  void watch_files(std::vector<std::string> paths);  // and the configuration itself
  void look_at_files();
  void reload(std::string_view cause);
  [[nodiscard]] std::vector<std::string> take_up();  // what was wrong: then nothing has changed

  void on_signal();
  void begin_drain();
  void wait_for_last_connection();

  config::Config config_;
  std::function<config::CommandLine()> load_;
  std::string file_;  // "": none
  Trust trust_;
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
  FileWatch files_;
  asio::steady_timer files_timer_{context_};
  admin::ReloadStatus reloads_;
  std::chrono::steady_clock::time_point drain_until_;
  bool draining_ = false;
};

}  // namespace crier
