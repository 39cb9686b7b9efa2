#include <array>
#include <type_traits>
#include <utility>

#include "broker/state/format.hpp"
#include "broker/state/rules.hpp"
#include "broker/state/state_codec.hpp"
#include "protocol/base/check.hpp"
#include "protocol/command/channel_name.hpp"

namespace crier::state {
namespace {

constexpr std::size_t piece_bytes = std::size_t{64} * 1024;

}  // namespace

StateWriter::StateWriter(SavedHead head, Sink sink) : head_(std::move(head)), sink_(std::move(sink)) {
  CRIER_ASSERT(fault_of(head_) == nullptr);
  buffer_.reserve(piece_bytes);
  bytes(magic);
  integer(format_version);
  integer(static_cast<std::uint8_t>(head_.epoch.size()));
  bytes(head_.epoch);
  integer(head_.sequence);
  integer(head_.floor);
}

void StateWriter::channel(const SavedChannel& channel) {
  CRIER_ASSERT(!finished_);
  CRIER_ASSERT(command::check_channel_name(channel.name).empty());
  CRIER_ASSERT(fault_of(channel, head_) == nullptr);
  CRIER_ASSERT(std::in_range<std::uint32_t>(channel.messages.size()));
  CRIER_ASSERT(std::in_range<std::uint32_t>(channel.keys.size()));
  ++channels_;
  integer(channel_tag);
  integer(static_cast<std::uint8_t>(channel.name.size()));
  bytes(channel.name);
  integer(channel.floor);
  integer(channel.top);
  integer(channel.top_number);
  integer(static_cast<std::uint32_t>(channel.messages.size()));
  const SavedMessage* before = nullptr;
  for (const SavedMessage& each : channel.messages) {
    CRIER_ASSERT(fault_of(each, before, channel) == nullptr);
    message(each);
    before = &each;
  }
  integer(static_cast<std::uint32_t>(channel.keys.size()));
  for (const SavedKey& each : channel.keys) {
    CRIER_ASSERT(fault_of(each, channel) == nullptr);
    key(each);
  }
}

void StateWriter::message(const SavedMessage& message) {
  CRIER_ASSERT(!message.data_json.empty() && message.data_json.size() <= data_bytes_max);
  integer(message.offset);
  integer(message.number);
  integer(message.time_ms);
  integer(message.expires_ms);
  integer(static_cast<std::uint8_t>(message.encoding == command::Encoding::base64 ? 1 : 0));
  integer(static_cast<std::uint8_t>(message.compressible ? 1 : 0));
  integer(static_cast<std::uint8_t>(message.conflate_key.size()));
  bytes(message.conflate_key);
  integer(static_cast<std::uint32_t>(message.data_json.size()));
  bytes(message.data_json);
}

void StateWriter::key(const SavedKey& key) {
  integer(static_cast<std::uint16_t>(key.scope.size()));
  bytes(key.scope);
  integer(static_cast<std::uint8_t>(key.key.size()));
  bytes(key.key);
  integer(key.offset);
  integer(key.expires_ms);
}

void StateWriter::finish() {
  CRIER_ASSERT(!finished_);
  finished_ = true;
  integer(end_tag);
  integer(channels_);
  integer(bytes_flushed_ + buffer_.size() + sizeof(std::uint64_t) + sha256_bytes);
  flush();
  const auto sum = digest_.finish();
  sink_({sum.data(), sum.size()});
}

template <class Integer>
void StateWriter::integer(Integer value) {
  const auto number = static_cast<std::make_unsigned_t<Integer>>(value);
  std::array<char, sizeof(Integer)> little_endian;
  for (std::size_t i = 0; i < little_endian.size(); ++i)
    little_endian[i] = static_cast<char>((number >> (8 * i)) & 0xFF);
  bytes({little_endian.data(), little_endian.size()});
}

void StateWriter::bytes(std::string_view bytes) {
  buffer_.append(bytes);
  if (buffer_.size() >= piece_bytes) flush();
}

void StateWriter::flush() {
  digest_.feed(buffer_);
  sink_(buffer_);
  bytes_flushed_ += buffer_.size();
  buffer_.clear();
}

}  // namespace crier::state
