// What the model knows: what was said, and what became of it. It learns the order of each channel from the
// engine, which gives the offsets, and never from the hub that is under test.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <nlohmann/json.hpp>

#include "broker/config/config.hpp"
#include "broker/engine/engine.hpp"
#include "broker/hub/message.hpp"
#include "protocol/command/channel_name.hpp"
#include "tests/simulation/story.hpp"

namespace crier::simulation {

// What a client asked to be published. Every one has data that no other has.
struct Publish {
  enum class Shape : std::uint8_t { number, text, object, bytes } shape = Shape::number;
  std::string text;  // the number, the string, the object's padding, or the bytes
  std::string data_json;
  std::size_t client = 0;
  hub::SessionId session;
  std::uint64_t sequence = 0;  // within the session
  std::vector<std::string> channels;
  bool echo = true;
  std::optional<hub::SessionId> exclude;
  std::string key;
  std::string conflate;
  std::uint64_t ttl_s = 0;
  bool refused_whole = false;  // its session ended, or never ran it: it may still have been stored

  [[nodiscard]] bool excludes(const hub::SessionId& who) const {
    return (!echo && who == session) || (exclude && *exclude == who);
  }
  [[nodiscard]] bool looks_like(const nlohmann::json& push) const;
};
using PublishId = std::size_t;

// A message in a channel's order.
struct Accepted {
  PublishId id = 0;
  std::uint64_t offset = 0;
  std::uint32_t epoch = 0;  // of Truth::epochs
  std::int64_t time_ms = 0;
  std::int64_t expires_ms = 0;
};

struct ChannelTruth {
  std::string name;
  const config::Namespace* settings = nullptr;
  std::vector<Accepted> order;  // of this life and, where a state was taken up, of those before
  std::unordered_map<PublishId, std::size_t> places;
  std::size_t lost_to = 0;  // a new epoch, or a restart that could not keep all: what lies below may be gone
  // Positions below it may be taken for lost, although nothing may be: the floor that other channels left.
  std::uint64_t floor_of_others = 0;
  std::size_t recorded_to = 0;  // places of before the last restart, which took them up with their own floor
  bool shares_floor = false;    // with a channel whose hash is alike
  bool evicted = false;         // its home has made room by bytes
  std::uint64_t engine_floor = 0;

  // How many have offsets at or below it.
  [[nodiscard]] std::size_t count_to(std::uint64_t offset) const;
};

class Truth {
 public:
  Truth(Story& story, const config::Config& config, const std::vector<std::string>& channels);

  // --- what clients say
  PublishId say(Publish publish);
  [[nodiscard]] const Publish& said(PublishId id) const { return said_[id]; }
  [[nodiscard]] Publish& said(PublishId id) { return said_[id]; }
  // The id that a message's data stands for; none: nobody said that.
  [[nodiscard]] std::optional<PublishId> id_in(const nlohmann::json& message) const;
  [[nodiscard]] std::optional<PublishId> id_in_data(const nlohmann::json& data, bool base64) const;
  // A client was told that this publish was not stored, or that nobody knows.
  void refuse(PublishId id, const std::string& channel, ErrorCode code);

  // --- what the engine does
  void accept(const std::string& channel, const engine::StoredMessage& message, std::int64_t now_ms);
  void new_epoch(std::string epoch);

  // --- what the world does
  // Everything is gone but what was said.
  void crash(std::string epoch);

  [[nodiscard]] ChannelTruth& channel(std::string_view name);
  [[nodiscard]] std::map<std::string, ChannelTruth, std::less<>>& channels() { return channels_; }
  [[nodiscard]] std::uint32_t epoch() const { return static_cast<std::uint32_t>(epochs_.size() - 1); }
  [[nodiscard]] const std::string& epoch_name(std::uint32_t epoch) const { return epochs_[epoch]; }
  [[nodiscard]] std::uint64_t accepted() const { return accepted_; }
  // The position that the first publish of that key got.
  struct Keyed {
    PublishId id = 0;
    std::uint64_t offset = 0;
    std::int64_t at_ms = 0;
    bool sure = true;  // its window is surely remembered
  };
  [[nodiscard]] const std::vector<Keyed>* keyed(const std::string& channel, const std::string& key) const;
  // After it nobody can be sure that the home still knows the keys.
  void forget_keys(bool all);

 private:
  Story& story_;
  std::map<std::string, ChannelTruth, std::less<>> channels_;
  std::vector<Publish> said_;
  std::vector<std::string> epochs_;
  std::map<std::pair<std::string, std::string>, std::vector<Keyed>> keys_;
  std::map<std::pair<PublishId, std::string>, ErrorCode> refused_;
  std::map<std::tuple<std::uint64_t, std::uint64_t, std::string>, std::uint64_t> last_sequence_;
  std::uint64_t accepted_ = 0;
};

}  // namespace crier::simulation
