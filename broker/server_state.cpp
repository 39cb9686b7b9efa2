// What outlives this process: taken up before the first publish, written down after the last.
#include <openssl/rand.h>

#include <algorithm>
#include <thread>
#include <utility>

#include "broker/runtime/log.hpp"
#include "broker/server.hpp"
#include "protocol/base/check.hpp"

namespace crier {

namespace {

// More than any broker of the same limits writes: histories, names and keys.
std::size_t state_bytes_max(const config::Limits& limits) {
  return 2 * limits.history_bytes_max + limits.channels_max * 512 + limits.idempotency_keys_max * 1024;
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

// Histories that new messages push out faster than clients have time to come back.
struct ShortHistories {
  std::size_t channels = 0;
  std::string shortest;
  std::int64_t shortest_ms = 0;

  void look_at(const state::SavedChannel& channel, const config::Config& config, std::int64_t now_ms) {
    const std::size_t messages_max = config.settings_of(command::namespace_of(channel.name)).history.messages;
    if (channel.messages.empty() || channel.messages.size() < messages_max) return;
    const std::int64_t reaches_back_ms = now_ms - channel.messages.front().time_ms;
    if (reaches_back_ms >= config.server.drain_timeout.count()) return;
    if (++channels > 1 && reaches_back_ms >= shortest_ms) return;
    shortest = channel.name;
    shortest_ms = reaches_back_ms;
  }

  void tell(const config::Config& config) const {
    if (channels == 0) return;
    runtime::log(runtime::LogLevel::warn,
                 "histories reach back less far than clients may take to come back: raise history.messages, or lower "
                 "server.drain_timeout",
                 {{"channels", std::to_string(channels)},
                  {"channel", shortest},
                  {"reaches_back_ms", std::to_string(shortest_ms)},
                  {"drain_timeout_ms", std::to_string(config.server.drain_timeout.count())}});
  }
};

}  // namespace

// Before the first publish: a state is there once, or a crash could bring positions back that were used.
Result<std::monostate, std::string> Server::take_state() {
  std::optional<state::SavedState> saved;
  if (!config_.server.state_dir.empty()) {
    if (!state_dir_) {
      auto directory = state::StateDir::open(config_.server.state_dir);
      if (!directory) return directory.error();
      state_dir_.emplace(std::move(*directory));
    }
    if (predecessor_) {
      auto offered = state_dir_->take_offered(state_bytes_max(config_.limits));
      if (!offered) return "cannot take over: its state cannot be taken up, because " + offered.error();
      saved = std::move(*offered);
    } else {
      auto taken = state_dir_->take(state_bytes_max(config_.limits));
      if (!taken) return taken.error();
      if (!taken->note.empty()) runtime::log(runtime::LogLevel::warn, taken->note);
      saved = std::move(taken->state);
    }
  }
  make_workers(saved);
  return std::monostate{};
}

void Server::make_workers(const std::optional<state::SavedState>& saved) {
  unsigned threads = config_.server.threads;
  if (threads == 0) threads = std::max(1U, std::thread::hardware_concurrency());
  std::uint64_t seed = 0;
  CRIER_ASSERT(RAND_bytes(reinterpret_cast<unsigned char*>(&seed), sizeof(seed)) == 1);
  hub::seed_channel_hash(seed);
  epoch_ = saved ? saved->epoch : new_epoch();
  const std::uint64_t start = saved ? saved->sequence : 0;
  for (unsigned i = 0; i < threads; ++i) {
    workers_.push_back(std::make_unique<net::Worker>(config_, trust_.authenticator, gate_, workers_,
                                                     static_cast<hub::ShardId>(i), static_cast<hub::ShardId>(threads),
                                                     epoch_, start));
  }
  if (!saved) return;
  for (const auto& worker : workers_) worker->home().restore_floor(saved->floor);
  for (const state::SavedChannel& channel : saved->channels) {
    const hub::ShardId home = workers_.front()->shard().home_of(hub::hash_of(channel.name));
    workers_[home]->home().restore(channel, net::now().wall_ms);
  }
  runtime::log(runtime::LogLevel::info, "history taken up", {{"channels", std::to_string(saved->channels.size())}});
}

// Nothing is on its way any more: every thread has ended, or stands still for a hand-over.
Result<std::monostate, std::string> Server::write_state() {
  state::SavedHead head;
  head.epoch = epoch_;
  for (const auto& worker : workers_) {
    worker->on_loop([&] {
      head.sequence = std::max(head.sequence, worker->home().fanned_out());
      head.floor = std::max(head.floor, worker->home().saved_floor());
    });
  }
  std::size_t channels = 0;
  ShortHistories too_short;
  const std::int64_t now_ms = net::now().shown_ms();  // as the state file has it
  auto saved = state_dir_->save(head, [&](state::StateWriter& writer) {
    for (const auto& worker : workers_) {
      worker->on_loop([&] {
        worker->home().save([&](const state::SavedChannel& channel) {
          writer.channel(channel);
          ++channels;
          too_short.look_at(channel, config_, now_ms);
        });
      });
    }
  });
  if (!saved) return saved;
  too_short.tell(config_);
  runtime::log(runtime::LogLevel::info, "history kept for the next start", {{"channels", std::to_string(channels)}});
  return saved;
}

// After every thread has ended. What one loop had posted to another when they did is handled first: a publish
// that was acknowledged is in a history by then, one that was not may as well be.
bool Server::save_state() {
  bool busy = true;
  while (busy) {
    busy = false;
    for (const auto& worker : workers_) busy = worker->settle() || busy;
  }
  if (!state_dir_ || handed_over_) return true;
  const auto saved = write_state();
  if (!saved) runtime::log(runtime::LogLevel::error, saved.error());
  return static_cast<bool>(saved);
}

}  // namespace crier
