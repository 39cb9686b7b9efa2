#include "broker/server.hpp"

#include <openssl/rand.h>
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
// How long connections get to read their last bytes and close, after 1012 was sent.
constexpr std::chrono::seconds close_time_max{5};
constexpr std::chrono::milliseconds drain_poll{20};
constexpr int exit_state_lost = 1;

// More than any broker of the same limits writes: histories, names and keys.
std::size_t state_bytes_max(const config::Limits& limits) {
  return 2 * limits.history_bytes_max + limits.channels_max * 512 + limits.idempotency_keys_max * 1024;
}

// Raises the limit on descriptors to the most that is allowed; returns what it got.
std::size_t raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
  limit.rlim_cur = limit.rlim_max;
  static_cast<void>(setrlimit(RLIMIT_NOFILE, &limit));  // what counts is read back
  getrlimit(RLIMIT_NOFILE, &limit);
  return limit.rlim_cur;
}

// Names this life of the process: positions of another one are never mistaken for ours.
std::string new_epoch() {
  static constexpr std::string_view alphabet = "0123456789abcdefghijklmnopqrstuvwxyz";
  unsigned char random[8];
  CRIER_ASSERT(RAND_bytes(random, sizeof(random)) == 1);
  std::string epoch;
  for (const unsigned char byte : random) epoch += alphabet[byte % alphabet.size()];
  return epoch;
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

Server::Server(config::CommandLine loaded, std::function<config::CommandLine()> load)
    : config_(std::move(loaded.config)), load_(std::move(load)), file_(std::move(loaded.file)) {
  descriptors_ = raise_descriptor_limit();
  const std::size_t possible =
      descriptors_ > 2 * descriptors_reserved ? descriptors_ - descriptors_reserved : descriptors_ / 2;
  connections_max_ =
      config_.limits.connections_max == 0 ? possible : std::min(config_.limits.connections_max, possible);
  watch_files(config::files_of(config_));
}

Server::~Server() = default;

// Before the first publish: a state is there once, or a crash could bring positions back that were used.
Result<std::monostate, std::string> Server::take_state() {
  unsigned threads = config_.server.threads;
  if (threads == 0) threads = std::max(1U, std::thread::hardware_concurrency());
  std::uint64_t seed = 0;
  CRIER_ASSERT(RAND_bytes(reinterpret_cast<unsigned char*>(&seed), sizeof(seed)) == 1);
  hub::seed_channel_hash(seed);
  std::optional<state::SavedState> saved;
  if (!config_.server.state_dir.empty()) {
    auto directory = state::StateDir::open(config_.server.state_dir);
    if (!directory) return directory.error();
    state_dir_.emplace(std::move(*directory));
    auto taken = state_dir_->take(state_bytes_max(config_.limits));
    if (!taken) return taken.error();
    if (!taken->note.empty()) runtime::log(runtime::LogLevel::warn, taken->note);
    saved = std::move(taken->state);
  }
  epoch_ = saved ? saved->epoch : new_epoch();
  const std::uint64_t start = saved ? saved->sequence : 0;
  for (unsigned i = 0; i < threads; ++i) {
    workers_.push_back(std::make_unique<net::Worker>(config_, trust_.authenticator, workers_,
                                                     static_cast<hub::ShardId>(i), static_cast<hub::ShardId>(threads),
                                                     epoch_, start));
  }
  if (!saved) return std::monostate{};
  for (const auto& worker : workers_) worker->home().restore_floor(saved->floor);
  for (const state::SavedChannel& channel : saved->channels) {
    const hub::ShardId home = workers_.front()->shard().home_of(hub::hash_of(channel.name));
    workers_[home]->home().restore(channel, net::now().wall_ms);
  }
  runtime::log(runtime::LogLevel::info, "history taken up", {{"channels", std::to_string(saved->channels.size())}});
  return std::monostate{};
}

// After every thread has ended. What one loop had posted to another when they did is handled first: a publish
// that was acknowledged is in a history by then, one that was not may as well be.
bool Server::save_state() {
  bool busy = true;
  while (busy) {
    busy = false;
    for (const auto& worker : workers_) busy = worker->settle() || busy;
  }
  if (!state_dir_) return true;
  state::SavedHead head;
  head.epoch = epoch_;
  for (const auto& worker : workers_) {
    head.sequence = std::max(head.sequence, worker->home().fanned_out());
    head.floor = std::max(head.floor, worker->home().saved_floor());
  }
  std::size_t channels = 0;
  const auto saved = state_dir_->save(head, [&](state::StateWriter& writer) {
    for (const auto& worker : workers_) {
      worker->home().save([&](const state::SavedChannel& channel) {
        writer.channel(channel);
        ++channels;
      });
    }
  });
  if (!saved) {
    runtime::log(runtime::LogLevel::error, saved.error());
    return false;
  }
  runtime::log(runtime::LogLevel::info, "history kept for the next start", {{"channels", std::to_string(channels)}});
  return true;
}

Result<std::monostate, std::string> Server::open() {
  auto trust = Trust::read(config_);
  if (!trust) {
    std::string faults;
    for (const std::string& fault : trust.error()) faults += (faults.empty() ? "" : "\n") + fault;
    return faults;
  }
  trust_ = std::move(*trust);
  trust_.tell_remarks();
  if (auto taken = take_state(); !taken) return taken;
  const net::Opening opening{.proxy_header = config_.server.proxy_protocol, .tls = trust_.tls};
  for (const std::string& address : config_.server.listen) {
    auto listener = net::Listener::open(context_, address, workers_, {connections_max_, opening});
    if (!listener) return listener.error();
    listeners_.push_back(std::move(*listener));
  }
  auto acceptor = net::open_acceptor(context_, config_.server.admin);
  if (!acceptor) return acceptor.error();
  std::vector<const runtime::ThreadMetrics*> metrics;
  for (const auto& worker : workers_) metrics.push_back(&worker->metrics());
  admin_ = std::make_unique<admin::AdminServer>(context_, std::move(*acceptor), config_.server.admin_hosts,
                                                std::move(metrics));
  return std::monostate{};
}

int Server::run() {
  signals_.add(SIGTERM);
  signals_.add(SIGINT);
  signals_.add(SIGHUP);
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);  // a file at its limit is an error of that write, not the end of the process
  on_signal();
  for (const auto& worker : workers_) worker->run_in_thread();
  for (const auto& listener : listeners_) listener->start();
  admin_->start();
  admin_->set_access(trust_.authenticator, config_.server.admin_hosts);
  look_at_files();
  print_summary();
  context_.run();
  for (const auto& worker : workers_) worker->stop();
  for (const auto& worker : workers_) worker->join();
  const bool kept = save_state();
  runtime::log(runtime::LogLevel::info, "stopped");
  return kept ? 0 : exit_state_lost;
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
  if (config_.protects()) {
    std::printf("  protected mode    anyone may subscribe and publish, from this machine only\n");
    std::printf("Open the first address in a browser to try it.\n");
  }
  std::fflush(stdout);
}

void Server::on_signal() {
  signals_.async_wait([this](const asio::error_code& error, int number) {
    if (error) return;
    if (number == SIGHUP) {
      if (!draining_) reload("SIGHUP");
      return on_signal();
    }
    runtime::log(runtime::LogLevel::info, draining_ ? "second signal: ending at once" : "signal: closing connections",
                 {{"signal", number == SIGTERM ? "SIGTERM" : "SIGINT"}});
    if (draining_) return context_.stop();
    begin_drain();
    on_signal();
  });
}

void Server::begin_drain() {
  draining_ = true;
  files_timer_.cancel();
  admin_->readiness().set_draining();
  for (const auto& listener : listeners_) listener->stop();
  for (const auto& worker : workers_) worker->shut_down();
  drain_until_ = std::chrono::steady_clock::now() + close_time_max;
  wait_for_last_connection();
}

void Server::wait_for_last_connection() {
  std::size_t connections = 0;
  for (const auto& worker : workers_) connections += worker->connection_count();
  if (connections == 0 || std::chrono::steady_clock::now() >= drain_until_) {
    if (connections > 0) {
      runtime::log(runtime::LogLevel::warn, "connections left open by their peers are cut",
                   {{"connections", std::to_string(connections)}});
    }
    return context_.stop();
  }
  drain_timer_.expires_after(drain_poll);
  drain_timer_.async_wait([this](const asio::error_code& error) {
    if (!error) wait_for_last_connection();
  });
}

}  // namespace crier
