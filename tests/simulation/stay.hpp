// One subscription of one client as the client sees it, and what must be true of what arrives on it:
// promises 1, 2 and 3 of the contract.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "protocol/command/channel_name.hpp"
#include "tests/simulation/presence_view.hpp"
#include "tests/simulation/seen.hpp"
#include "tests/simulation/truth.hpp"

namespace crier::simulation {

// What the checks lean on.
struct Model {
  Truth& truth;
  Story& story;
  std::function<std::int64_t()> now_ms;
  bool durable = false;  // the engine keeps more than the homes
  Seen seen;

  [[nodiscard]] bool expired(const Accepted& message) const {
    return message.expires_ms != 0 && message.expires_ms <= now_ms();
  }
  // Is the message still where replays are taken from, now and therefore at every moment before?
  [[nodiscard]] bool surely_kept(const ChannelTruth& channel, std::size_t place) const;
  // In the home's own history, that is, whatever the engine keeps.
  [[nodiscard]] bool surely_at_home(const ChannelTruth& channel, std::size_t place) const;
};

class Stay {
 public:
  struct Asked {
    std::string name;  // a channel, or a pattern
    std::optional<command::Position> since;
    std::optional<std::uint64_t> last;
    bool watch = false;
  };
  Stay(Model& model, std::size_t client, hub::SessionId session, bool healthy, Asked asked);

  [[nodiscard]] const std::string& name() const { return asked_.name; }
  [[nodiscard]] bool pattern() const { return pattern_; }
  [[nodiscard]] bool live() const { return subscribed_; }
  // The newest position that was seen: where a reconnect may go on.
  [[nodiscard]] const std::optional<command::Position>& position() const { return position_; }
  [[nodiscard]] PresenceView& presence() { return presence_; }
  [[nodiscard]] bool watches() const { return asked_.watch; }

  // --- what arrives
  void on_subscribed(const nlohmann::json& reply);
  void on_message(const nlohmann::json& push);
  void on_gap(const nlohmann::json& push);
  // Everything has been delivered that will be.
  void at_rest();

 private:
  // How far a channel's order has been seen: the next message has its place between the two, which are equal
  // once it is known. It is not where a stream starts that shows no positions.
  struct Progress {
    std::size_t low = 0;
    std::size_t high = 0;
  };
  // Messages that were passed over and were meant for this client: all, and those that it has to be told of.
  struct Hole {
    std::size_t all = 0;
    std::size_t needed = 0;
  };
  struct Gap {
    std::uint64_t lost = 0;
    bool unknown = false;    // one without a number
    bool new_epoch = false;  // one that says so
    bool dropped = false;    // one of messages that no newer one replaced
    std::size_t count = 0;
  };

  void start_exact(const nlohmann::json& reply);
  void check_recovery(const nlohmann::json& reply, const ChannelTruth& channel);
  [[nodiscard]] bool may_be_unrecovered(const ChannelTruth& channel) const;
  void check_last(const ChannelTruth& channel, std::size_t first, const nlohmann::json& reply);
  void check_replayed(const ChannelTruth& channel, std::size_t first, const nlohmann::json& reply);
  void check_gaps_of(const ChannelTruth& channel, const Hole& hole, const Progress& progress, std::size_t to);
  [[nodiscard]] bool epoch_since_asked(std::string_view epoch) const;
  [[nodiscard]] Hole hole(const ChannelTruth& channel, const Progress& progress, std::size_t to) const;
  [[nodiscard]] bool excluded_somewhere() const;
  [[nodiscard]] bool may_replay() const { return (asked_.since || asked_.last) && !settled_; }
  void check_conflated(const ChannelTruth& channel, std::size_t from, std::size_t to);
  void violate(const std::string& channel, const std::string& what) const;

  Model& model_;
  std::size_t client_;
  hub::SessionId session_;
  bool healthy_;
  Asked asked_;
  bool pattern_;
  bool subscribed_ = false;
  bool settled_ = false;  // it has been at rest: it is live, and no replay is under way
  std::optional<command::Position> position_;
  std::map<std::string, Progress, std::less<>> progress_;
  std::map<std::string, std::size_t, std::less<>> accepted_when_asked_;
  std::uint32_t epoch_when_asked_;
  Gap gap_;    // since the last message; of a pattern: since its start
  Hole seen_;  // a pattern's, since its start
  PresenceView presence_;
};

// The contract's own words, independent of the hub's tree.
[[nodiscard]] bool naive_match(std::string_view pattern, std::string_view channel);

}  // namespace crier::simulation
