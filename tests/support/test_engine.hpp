// An engine with a will of its own: it stores everything under limits of its own, answers late, in another
// order between channels than it was asked in (never within one), fails, falls silent, recovers late, and
// changes its epoch. All of it drawn from a seed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "broker/engine/engine.hpp"
#include "tests/support/chance.hpp"

namespace crier::testing {

class TestEngine final : public engine::Engine {
 public:
  struct Options {
    std::string epoch = "e";
    std::uint64_t start = 0;
    std::uint64_t seed = 1;
    bool keeps_more = false;             // recovers() what the home has forgotten
    std::size_t messages_max = 1000;     // that it keeps of a channel
    std::size_t at_once_one_in = 4;      // publishes answered within the call; 0: none
    std::size_t unavailable_one_in = 0;  // publishes refused, surely not stored; 0: none
    std::size_t timeout_one_in = 0;      // publishes refused as `timeout`, and not stored either; 0: none
    std::size_t recover_fails_one_in = 0;
  };
  // Told of every message in its channel's order, just before the home is.
  using Witness = std::function<void(const std::string& channel, const engine::StoredMessage&)>;
  struct Store {
    std::uint64_t floor = 0;
    std::deque<engine::StoredMessage> messages;
  };
  using Stores = std::map<std::string, Store, std::less<>>;

  TestEngine(Options options, Witness witness);

  [[nodiscard]] std::string_view epoch() const override { return options_.epoch; }
  [[nodiscard]] std::uint64_t start() const override { return options_.start; }
  [[nodiscard]] std::optional<Result<std::uint64_t>> publish(engine::Ticket ticket,
                                                             const engine::Publication& publication) override;
  [[nodiscard]] bool recovers() const override { return options_.keeps_more; }
  void recover(engine::Ticket ticket, std::string_view channel, std::uint64_t after, std::size_t bytes_max) override;
  [[nodiscard]] bool ready() const override { return !silent_; }

  // --- how the world moves on
  // Silent: it takes everything and answers nothing.
  void set_silent(bool silent) { silent_ = silent; }
  // No more failures: what is asked from now on is stored.
  void set_faultless(bool faultless) { faultless_ = faultless; }
  [[nodiscard]] bool busy() const { return !waiting_.empty() || !recoveries_.empty(); }
  [[nodiscard]] bool has_work() const { return !silent_ && busy(); }
  // One thing: stores a message, tells of one that it has stored, or answers a recovery.
  void work(engine::Answers& answers);
  // What is stored and not told.
  void tell_all(engine::Answers& answers);
  // After tell_all: everything that was stored is lost.
  void change_epoch(std::string epoch, engine::Answers& answers);

  // Positions below it are gone, whatever is asked. For the model.
  [[nodiscard]] std::uint64_t floor_of(std::string_view channel) const;
  [[nodiscard]] std::uint64_t sequence() const { return sequence_; }
  // For the next life of a durable engine, which may spread its channels differently.
  [[nodiscard]] Stores take_stores() { return std::move(stores_); }
  void put_store(const std::string& channel, Store store) { stores_[channel] = std::move(store); }

 private:
  struct Waiting {
    engine::Ticket ticket = 0;
    engine::StoredMessage message;
    bool stored = false;
  };
  struct Recovery {
    engine::Ticket ticket = 0;
    std::string channel;
    std::uint64_t after = 0;
    std::size_t bytes_max = 0;
  };
  using Lines = std::map<std::string, std::deque<Waiting>, std::less<>>;

  void store(const std::string& channel, Waiting& waiting);
  void tell(Lines::iterator line, engine::Answers& answers);
  void answer_recovery(engine::Answers& answers);
  [[nodiscard]] std::optional<Error> fault();

  Options options_;
  Witness witness_;
  Chance chance_;
  std::uint64_t sequence_;
  std::uint64_t lost_below_;  // of channels without a store
  Stores stores_;
  Lines waiting_;  // never an empty line
  std::vector<Recovery> recoveries_;
  bool silent_ = false;
  bool faultless_ = false;
};

}  // namespace crier::testing
