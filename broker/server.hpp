// The composition root: what exists, in which order it starts, and in which it stops.
#pragma once

#include <asio/io_context.hpp>
#include <asio/signal_set.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
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
#include "broker/hand_over/door.hpp"
#include "broker/hand_over/predecessor.hpp"
#include "broker/net/gate.hpp"
#include "broker/net/inherited_sockets.hpp"
#include "broker/net/listener.hpp"
#include "broker/net/worker.hpp"
#include "broker/service_manager.hpp"
#include "broker/state/state_dir.hpp"
#include "broker/trust.hpp"
#include "protocol/base/result.hpp"

namespace crier {

// How this process was started, so that it can start another one like it.
struct Command {
  std::string program;                 // its path
  std::vector<std::string> arguments;  // behind it
};

class Server {
 public:
  // `load` reads the command line, the environment and the file again, for a reload; `loaded` is what it gave at first.
  Server(config::CommandLine loaded, std::function<config::CommandLine()> load, Command command);
  ~Server();

  // Takes up the state that an earlier life left, and opens every listener; an error is a sentence, and nothing runs
  // then.
  [[nodiscard]] Result<std::monostate, std::string> open();
  // Runs until SIGTERM or SIGINT; a second one ends at once. SIGHUP reloads, SIGUSR2 starts a process to take over.
  // Returns the exit code: not 0 when the state could not be kept.
  [[nodiscard]] int run();

 private:
  void catch_signals();
  void print_summary() const;
  void feed_watchdog();

  // server_channels.cpp
  void list_busiest(std::size_t limit, admin::AdminServer::ChannelsCallback answer);

  // server_state.cpp
  [[nodiscard]] Result<std::monostate, std::string> take_state();
  void make_workers(const std::optional<state::SavedState>& saved);
  [[nodiscard]] Result<std::monostate, std::string> write_state();
  [[nodiscard]] bool save_state();

  // server_reload.cpp
  void watch_files(std::vector<std::string> paths);  // and the configuration itself
  void look_at_files();
  void reload(std::string_view cause);
  [[nodiscard]] std::vector<std::string> take_up();  // what was wrong: then nothing has changed

  // server_hand_over.cpp
  [[nodiscard]] Result<std::monostate, std::string> inherit();
  [[nodiscard]] Result<std::monostate, std::string> begin_life();
  void tell_of_unused_sockets();
  void open_door();
  [[nodiscard]] Result<std::vector<int>, std::string> stand_still();
  [[nodiscard]] bool await_silence();
  [[nodiscard]] bool go_on(const std::string& why);
  void serve_again();
  void leave_to(pid_t successor);

  // server_successor.cpp
  void start_successor();
  void on_child_ended();

  // server_drain.cpp
  void on_signal();
  [[nodiscard]] std::size_t connection_count() const;
  [[nodiscard]] std::chrono::milliseconds drain_window() const;
  void begin_drain(std::string_view cause);
  [[nodiscard]] std::string drain_on_request();
  void stop_serving(std::chrono::milliseconds window);
  void wait_for_last_connection();

  config::Config config_;
  std::function<config::CommandLine()> load_;
  Command command_;
  std::string file_;  // "": none
  bool take_over_;    // from a broker that runs, if there is one
  Trust trust_;
  std::size_t descriptors_ = 0;
  std::size_t connections_max_ = 0;
  asio::io_context context_{1};  // the administrative thread's: signals, accepting, metrics
  net::InheritedSockets inherited_;
  std::optional<hand_over::Predecessor> predecessor_;  // until it has let go
  std::optional<state::StateDir> state_dir_;
  std::string epoch_;
  net::Gate gate_;
  std::vector<std::unique_ptr<net::Worker>> workers_;
  std::vector<std::unique_ptr<net::Listener>> listeners_;
  std::unique_ptr<admin::AdminServer> admin_;
  std::unique_ptr<hand_over::Door> door_;
  std::optional<pid_t> successor_;  // that we have started
  asio::signal_set signals_{context_};
  asio::steady_timer drain_timer_{context_};
  ServiceManager manager_;
  asio::steady_timer watchdog_timer_{context_};
  FileWatch files_;
  asio::steady_timer files_timer_{context_};
  admin::ReloadStatus reloads_;
  std::chrono::steady_clock::time_point drain_until_;
  bool draining_ = false;
  bool told_to_end_ = false;  // by a signal
  bool handed_over_ = false;  // the state is another process's
};

}  // namespace crier
