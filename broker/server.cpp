#include "broker/server.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <thread>
#include <utility>

#include "broker/config/reload.hpp"
#include "broker/config/version.hpp"
#include "broker/runtime/log.hpp"
#include "protocol/base/check.hpp"

namespace crier {

namespace {

// Beside connections: listeners, epoll descriptors, the log, a scrape or two.
constexpr std::size_t descriptors_reserved = 100;
constexpr int exit_state_lost = 1;

// Raises the limit on descriptors to the most that is allowed; returns what it got.
std::size_t raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
  limit.rlim_cur = limit.rlim_max;
  static_cast<void>(setrlimit(RLIMIT_NOFILE, &limit));  // what counts is read back
  getrlimit(RLIMIT_NOFILE, &limit);
  return limit.rlim_cur;
}

std::string human_bytes(std::size_t bytes) {
  const char* unit = "B";
  for (const char* const next : {"KiB", "MiB", "GiB"}) {
    if (bytes < 1024 || bytes % 1024 != 0) break;
    bytes /= 1024;
    unit = next;
  }
  return std::to_string(bytes) + " " + unit;
}

}  // namespace

Server::Server(config::CommandLine loaded, std::function<config::CommandLine()> load, Command command)
    : config_(std::move(loaded.config)),
      load_(std::move(load)),
      command_(std::move(command)),
      file_(std::move(loaded.file)),
      take_over_(loaded.take_over),
      gate_(config_.limits) {
  descriptors_ = raise_descriptor_limit();
  const std::size_t possible =
      descriptors_ > 2 * descriptors_reserved ? descriptors_ - descriptors_reserved : descriptors_ / 2;
  connections_max_ =
      config_.limits.connections_max == 0 ? possible : std::min(config_.limits.connections_max, possible);
  watch_files(config::files_of(config_));
}

Server::~Server() = default;

Result<std::monostate, std::string> Server::open() {
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);  // a file at its limit is an error of that write, not the end of the process
  // What they ask for, a start does anyway; by themselves they would end it.
  std::signal(SIGHUP, SIG_IGN);
  std::signal(SIGUSR2, SIG_IGN);
  auto trust = Trust::read(config_);
  if (!trust) {
    std::string faults;
    for (const std::string& fault : trust.error()) faults += (faults.empty() ? "" : "\n") + fault;
    return faults;
  }
  trust_ = std::move(*trust);
  trust_.tell_remarks(config_, file_);
  if (auto inherited = inherit(); !inherited) return inherited;
  if (auto taken = take_state(); !taken) return taken;
  const net::Opening opening{.proxy_header = config_.server.proxy_protocol, .tls = trust_.tls};
  for (const std::string& address : config_.server.listen) {
    auto listener = net::Listener::open(context_, address, inherited_, workers_,
                                        {connections_max_, &gate_, config_.server.trusted_proxies, opening});
    if (!listener) return listener.error();
    listeners_.push_back(std::move(*listener));
  }
  auto acceptor = net::open_acceptor(context_, config_.server.admin, inherited_);
  if (!acceptor) return acceptor.error();
  std::vector<const runtime::ThreadMetrics*> metrics;
  for (const auto& worker : workers_) metrics.push_back(&worker->metrics());
  admin_ = std::make_unique<admin::AdminServer>(context_, std::move(*acceptor), config_.server.admin_hosts,
                                                std::move(metrics));
  tell_of_unused_sockets();
  catch_signals();
  return begin_life();
}

// From here on they wait for `run`.
void Server::catch_signals() {
  for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGUSR2, SIGCHLD}) signals_.add(number);
}

int Server::run() {
  on_signal();
  open_door();
  for (const auto& worker : workers_) worker->run_in_thread();
  for (const auto& listener : listeners_) listener->start();
  admin_->start();
  admin_->set_access(trust_.authenticator, config_.server.admin_hosts, config_.protects());
  admin_->set_drain([this] { return drain_on_request(); });
  admin_->set_channels([this](std::size_t limit, auto answer) { list_busiest(limit, std::move(answer)); });
  look_at_files();
  print_summary();
  manager_.ready("serving");
  feed_watchdog();
  context_.run();
  for (const auto& worker : workers_) worker->stop();
  for (const auto& worker : workers_) worker->join();
  const bool kept = save_state();
  runtime::log(runtime::LogLevel::info, "stopped");
  return kept ? 0 : exit_state_lost;
}

// A loop that hangs is worth a restart, and it is the self-probe that knows.
void Server::feed_watchdog() {
  const auto interval = manager_.watchdog_interval();
  if (!interval) return;
  if (admin_->readiness().stuck_because(net::steady_ns() / 1'000'000).empty()) manager_.alive();
  watchdog_timer_.expires_after(*interval / 3);
  watchdog_timer_.async_wait([this](const asio::error_code& error) {
    if (!error) feed_watchdog();
  });
}

void Server::print_summary() const {
  std::printf("%s\n", config::version_line().c_str());
  for (const auto& listener : listeners_) std::printf("listening on %s\n", listener->url().c_str());
  std::printf("administration on http://%s/\n", admin_->address().c_str());
  std::printf("  threads           %zu\n", workers_.size());
  std::printf("  connections       at most %zu (%zu file descriptors)\n", connections_max_, descriptors_);
  if (config_.limits.connections_max > connections_max_) {
    std::printf("                    limits.connections_max asks for %zu: raise the limit on descriptors (ulimit -n)\n",
                config_.limits.connections_max);
  }
  std::printf("  incoming message  at most %s\n", human_bytes(config_.limits.incoming_bytes_max).c_str());
  std::printf("  outbox            at most %s a connection, %s in all\n",
              human_bytes(config_.limits.outbox_bytes_max).c_str(),
              human_bytes(config_.limits.outbox_total_bytes_max).c_str());
  std::printf("  history           at most %s of all channels%s%s\n",
              human_bytes(config_.limits.history_bytes_max).c_str(),
              state_dir_ ? ", kept over restarts in " : ", lost at a restart (server.state_dir)",
              config_.server.state_dir.c_str());
  std::printf("  compression       %s\n", config_.compression.enabled ? "on" : "off");
  runtime::log(runtime::LogLevel::info, "started",
               {{"version", std::string(config::version())},
                {"threads", std::to_string(workers_.size())},
                {"epoch", epoch_},
                {"protected_mode", config_.protects() ? "on: from this machine only" : "off"}});
  if (config_.protects()) {
    std::printf("  protected mode    anyone may subscribe and publish, from this machine only\n");
    std::printf("Open the first address in a browser to try it.\n");
  }
  std::fflush(stdout);
}

}  // namespace crier
