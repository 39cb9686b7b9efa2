// An engine that does what a test says, when it says so.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/engine/engine.hpp"
#include "protocol/base/check.hpp"

namespace crier::testing {

class ScriptedEngine final : public engine::Engine {
 public:
  explicit ScriptedEngine(std::string epoch, std::uint64_t start = 0)
      : epoch_name(std::move(epoch)), start_(start), sequence_(start) {}

  // --- how it behaves
  bool later = false;          // answers when `store` or `fail` says so
  bool keeps_history = false;  // is asked for what the home has not
  bool takes = true;
  std::optional<Error> refuses;  // every publish, at once
  std::string epoch_name;

  // --- what it was asked for and has not answered, oldest first
  struct Asked {
    engine::Ticket ticket = 0;
    std::string channel;
    std::string data;
    std::int64_t expires_ms = 0;
  };
  struct AskedToRecover {
    engine::Ticket ticket = 0;
    std::string channel;
    std::uint64_t after = 0;
    std::size_t bytes_max = 0;
  };
  std::deque<Asked> publishes;
  std::deque<AskedToRecover> recoveries;
  engine::Answers* answers = nullptr;

  // Accepts the oldest open publish.
  void store() { answers->on_stored(take(publishes).ticket, ++sequence_); }
  void fail(ErrorCode code) { answers->on_stored(take(publishes).ticket, Error{code, "", "as the test wants it"}); }
  void give(engine::Recovered recovered) { answers->on_recovered(take(recoveries).ticket, std::move(recovered)); }
  void fail_recovery() {
    answers->on_recovered(take(recoveries).ticket, Error{ErrorCode::unavailable, "", "as the test wants it"});
  }
  void change_epoch(const std::string& name) {
    epoch_name = name;
    answers->on_new_epoch(name);
  }

  [[nodiscard]] std::string_view epoch() const override { return epoch_name; }
  [[nodiscard]] std::uint64_t start() const override { return start_; }
  [[nodiscard]] std::optional<Result<std::uint64_t>> publish(engine::Ticket ticket,
                                                             const engine::Publication& publication) override {
    if (refuses) return Result<std::uint64_t>(*refuses);
    if (!later) return Result<std::uint64_t>(++sequence_);
    publishes.push_back(
        {ticket, std::string(publication.channel), std::string(publication.data_json), publication.expires_ms});
    return std::nullopt;
  }
  [[nodiscard]] bool recovers() const override { return keeps_history; }
  void recover(engine::Ticket ticket, std::string_view channel, std::uint64_t after, std::size_t bytes_max) override {
    recoveries.push_back({ticket, std::string(channel), after, bytes_max});
  }
  [[nodiscard]] bool ready() const override { return takes; }

 private:
  template <class One>
  [[nodiscard]] static One take(std::deque<One>& all) {
    CRIER_ASSERT(!all.empty());
    One one = std::move(all.front());
    all.pop_front();
    return one;
  }

  std::uint64_t start_;
  std::uint64_t sequence_;
};

}  // namespace crier::testing
