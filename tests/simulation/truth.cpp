#include "tests/simulation/truth.hpp"

#include <algorithm>
#include <charconv>
#include <limits>
#include <tuple>
#include <utility>

#include "protocol/base/check.hpp"

namespace crier::simulation {

namespace {

// Idle homes learn the time from their ticks, a second apart and late.
constexpr std::int64_t clock_slack_ms = 3'000;

// Of base64, which turns each three bytes into four characters: the number and the full stop behind it.
std::string first_bytes_of(std::string_view base64) {
  constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string bytes;
  std::uint32_t bits = 0;
  unsigned count = 0;
  for (const char c : base64) {
    const std::size_t value = alphabet.find(c);
    if (value == std::string_view::npos || bytes.size() > 20) break;
    bits = bits << 6U | static_cast<std::uint32_t>(value);
    count += 6;
    if (count < 8) continue;
    count -= 8;
    bytes += static_cast<char>(bits >> count & 0xFFU);
  }
  return bytes;
}

std::optional<PublishId> number_at(std::string_view text) {
  PublishId id = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
  if (error != std::errc{}) return std::nullopt;
  return id;
}

}  // namespace

bool Publish::looks_like(const nlohmann::json& push) const {
  const nlohmann::json& data = push.at("data");
  const bool base64 = push.contains("encoding");
  switch (shape) {
    case Shape::number: return data.is_number_unsigned() && !base64 && data.dump() == text;
    case Shape::text: return data.is_string() && !base64 && data.get_ref<const std::string&>() == text;
    case Shape::object:
      return data.is_object() && !base64 && data.size() == 2 && data.at("pad").get_ref<const std::string&>() == text;
    case Shape::bytes:
      if (data.is_binary())
        return !base64 && std::equal(text.begin(), text.end(), data.get_binary().begin(), data.get_binary().end(),
                                     [](char a, std::uint8_t b) { return static_cast<std::uint8_t>(a) == b; });
      return base64 && data.is_string() && '"' + data.get_ref<const std::string&>() + '"' == data_json;
  }
  __builtin_unreachable();
}

std::size_t ChannelTruth::count_to(std::uint64_t offset) const {
  const auto above = std::upper_bound(order.begin(), order.end(), offset,
                                      [](std::uint64_t wanted, const Accepted& one) { return wanted < one.offset; });
  return static_cast<std::size_t>(above - order.begin());
}

Truth::Truth(Story& story, const config::Config& config, const std::vector<std::string>& channels) : story_(story) {
  for (const std::string& name : channels) {
    ChannelTruth& channel = channels_[name];
    channel.name = name;
    channel.settings = &config.settings_of(command::namespace_of(name));
  }
}

PublishId Truth::say(Publish publish) {
  said_.push_back(std::move(publish));
  return said_.size() - 1;
}

std::optional<PublishId> Truth::id_in(const nlohmann::json& message) const {
  return id_in_data(message.at("data"), message.contains("encoding"));
}

std::optional<PublishId> Truth::id_in_data(const nlohmann::json& data, bool base64) const {
  std::optional<PublishId> id;
  if (data.is_number_unsigned()) id = data.get<PublishId>();
  if (data.is_string()) {
    const std::string& text = data.get_ref<const std::string&>();
    id = number_at(base64 ? first_bytes_of(text) : text);
  }
  if (data.is_object() && data.contains("n")) id = data.at("n").get<PublishId>();
  if (data.is_binary()) {
    const auto& bytes = data.get_binary();
    id = number_at({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  }
  return id && *id < said_.size() ? id : std::nullopt;
}

void Truth::refuse(PublishId id, const std::string& channel, ErrorCode code) {
  if (code == ErrorCode::timeout) return;  // it may be stored
  const ChannelTruth& known = this->channel(channel);
  if (known.places.contains(id)) {
    story_.violate(said_[id].client, channel,
                   "publish " + std::to_string(id) + " was refused as " + std::string(to_string(code)) +
                       ", but it is in the channel");
  }
  refused_.emplace(std::pair(id, channel), code);
}

void Truth::accept(const std::string& name, const engine::StoredMessage& message, std::int64_t now_ms) {
  ChannelTruth& channel = this->channel(name);
  const auto id = id_in_data(nlohmann::json::parse(message.data_json), message.encoding == command::Encoding::base64);
  const auto broken = [&](const std::string& what) { story_.violate(id ? said_[*id].client : nobody, name, what); };
  if (!id) return broken("the engine was given data that nobody published");
  const Publish& publish = said_[*id];
  story_.tell(nobody, name, [&] {
    return "  engine: " + name + " publish " + std::to_string(*id) + " is at " + std::to_string(message.offset);
  });
  story_.note(*id);
  story_.note(message.offset);
  if (publish.data_json != message.data_json) return broken("publish " + std::to_string(*id) + " was changed");
  if (publish.conflate != message.conflate_key) return broken("publish " + std::to_string(*id) + " has another key");
  if (std::find(publish.channels.begin(), publish.channels.end(), name) == publish.channels.end()) {
    return broken("publish " + std::to_string(*id) + " was not for this channel");
  }
  if (channel.places.contains(*id)) return broken("publish " + std::to_string(*id) + " was stored twice");
  if (const auto refused = refused_.find({*id, name}); refused != refused_.end()) {
    return broken("publish " + std::to_string(*id) + " was refused as " + std::string(to_string(refused->second)) +
                  ", and stored later");
  }
  if (!channel.order.empty() && message.offset <= channel.order.back().offset) {
    return broken("the test's engine gave offsets out of order");
  }
  // Promise 1: each publisher's messages in the order it sent them.
  std::uint64_t& last = last_sequence_[{publish.session.high, publish.session.low, name}];
  if (publish.sequence < last) {
    return broken("publish " + std::to_string(*id) + " was stored after a later one of the same session");
  }
  last = publish.sequence;
  // Promise 4: one key, one message, as long as the home has to remember it.
  if (!publish.key.empty()) {
    std::vector<Keyed>& former = keys_[{name, publish.key}];
    const std::int64_t window_ms = channel.settings->idempotency_window.count();
    if (!former.empty() && former.back().sure && now_ms + clock_slack_ms < former.back().at_ms + window_ms) {
      return broken("publish " + std::to_string(*id) + " was stored, although " + std::to_string(former.back().id) +
                    " has the same key");
    }
    former.push_back({*id, message.offset, now_ms, true});
  }
  channel.places.emplace(*id, channel.order.size());
  channel.order.push_back({*id, message.offset, epoch(), message.time_ms, message.expires_ms});
  ++accepted_;
}

void Truth::new_epoch(std::string epoch) {
  epochs_.push_back(std::move(epoch));
  for (auto& [name, channel] : channels_) {
    channel.lost_to = channel.order.size();
    channel.floor_of_others = std::numeric_limits<std::uint64_t>::max();
    channel.recorded_to = 0;
  }
}

void Truth::crash(std::string epoch) {
  epochs_.push_back(std::move(epoch));
  for (auto& [name, channel] : channels_) {
    channel.order.clear();
    channel.places.clear();
    channel.lost_to = 0;
    channel.floor_of_others = 0;
    channel.recorded_to = 0;
    channel.evicted = false;
    channel.engine_floor = 0;
  }
  keys_.clear();
  refused_.clear();
}

ChannelTruth& Truth::channel(std::string_view name) {
  const auto found = channels_.find(name);
  CRIER_ASSERT(found != channels_.end());
  return found->second;
}

const std::vector<Truth::Keyed>* Truth::keyed(const std::string& channel, const std::string& key) const {
  const auto found = keys_.find({channel, key});
  return found == keys_.end() ? nullptr : &found->second;
}

void Truth::forget_keys(bool all) {
  if (all) return keys_.clear();
  for (auto& [key, former] : keys_) {
    for (Keyed& one : former) one.sure = false;
  }
}

}  // namespace crier::simulation
