#include "protocol/command/stream_position.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <limits>
#include <utility>

#include "protocol/base/check.hpp"
#include "protocol/command/base64url.hpp"
#include "protocol/command/quote.hpp"

namespace crier::command {

namespace {

constexpr std::uint8_t version = 1;
constexpr std::size_t mark_bytes = 4;
constexpr std::size_t head_bytes = 1 + mark_bytes + 1 + 1;
constexpr std::size_t epoch_bytes_max = 16;
constexpr std::size_t offset_bytes_max = 9;  // 63 bits, 7 in each byte
constexpr auto offset_max = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
constexpr std::size_t bytes_max = head_bytes + stream_channels_max * (1 + epoch_bytes_max + 1 + offset_bytes_max);

// A block of bytes that is written once, front to back.
class Writer {
 public:
  void put(std::uint8_t byte) { bytes_[size_++] = byte; }
  void put(std::string_view text) {
    std::copy(text.begin(), text.end(), bytes_.begin() + static_cast<std::ptrdiff_t>(size_));
    size_ += text.size();
  }
  void put_offset(std::uint64_t offset) {
    for (; offset >= 0x80; offset >>= 7) put(static_cast<std::uint8_t>(offset | 0x80));
    put(static_cast<std::uint8_t>(offset));
  }
  [[nodiscard]] std::string_view bytes() const { return {reinterpret_cast<const char*>(bytes_.data()), size_}; }

 private:
  std::array<std::uint8_t, bytes_max> bytes_;
  std::size_t size_ = 0;
};

// Takes values from the front; nullopt when there is none that append_stream_position writes.
class Reader {
 public:
  explicit Reader(std::span<const std::uint8_t> bytes) : rest_(bytes) {}

  [[nodiscard]] std::optional<std::uint8_t> byte() {
    if (rest_.empty()) return std::nullopt;
    const std::uint8_t first = rest_.front();
    rest_ = rest_.subspan(1);
    return first;
  }
  [[nodiscard]] std::optional<std::uint32_t> mark() {
    if (rest_.size() < mark_bytes) return std::nullopt;
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < mark_bytes; ++i) value = value << 8 | rest_[i];
    rest_ = rest_.subspan(mark_bytes);
    return value;
  }
  [[nodiscard]] std::optional<std::string> epoch() {
    const auto length = byte();
    if (!length || *length == 0 || *length > epoch_bytes_max || *length > rest_.size()) return std::nullopt;
    std::string text(rest_.begin(), rest_.begin() + *length);
    rest_ = rest_.subspan(*length);
    const auto is_alphanumeric = [](char c) {
      return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    };
    if (!std::all_of(text.begin(), text.end(), is_alphanumeric)) return std::nullopt;
    return text;
  }
  [[nodiscard]] std::optional<std::uint64_t> offset() {
    std::uint64_t value = 0;
    for (std::size_t at = 0; at < offset_bytes_max; ++at) {
      const auto next = byte();
      if (!next) return std::nullopt;
      value |= std::uint64_t{*next & 0x7FU} << (7 * at);
      if (*next >= 0x80) continue;
      if (*next == 0 && at > 0) return std::nullopt;  // a shorter form says the same
      return value;
    }
    return std::nullopt;
  }
  [[nodiscard]] bool at_end() const { return rest_.empty(); }

 private:
  std::span<const std::uint8_t> rest_;
};

using Positions = std::vector<std::optional<Position>>;

std::optional<std::vector<std::string>> read_epochs(Reader& reader, std::size_t channel_count) {
  const auto count = reader.byte();
  if (!count || *count > channel_count) return std::nullopt;
  std::vector<std::string> epochs;
  while (epochs.size() < *count) {
    auto epoch = reader.epoch();
    if (!epoch || std::find(epochs.begin(), epochs.end(), *epoch) != epochs.end()) return std::nullopt;
    epochs.push_back(std::move(*epoch));
  }
  return epochs;
}

// Behind the head.
std::optional<Positions> read_positions(Reader& reader, std::size_t channel_count) {
  const auto epochs = read_epochs(reader, channel_count);
  if (!epochs) return std::nullopt;
  Positions positions(channel_count);
  std::size_t used = 0;
  for (auto& position : positions) {
    const auto which = reader.byte();
    if (!which || *which > epochs->size() || *which > used + 1) return std::nullopt;
    if (*which == 0) continue;
    used = std::max<std::size_t>(used, *which);
    const auto offset = reader.offset();
    if (!offset) return std::nullopt;
    position = Position{(*epochs)[*which - 1U], *offset};
  }
  if (used != epochs->size() || !reader.at_end()) return std::nullopt;
  return positions;
}

}  // namespace

std::uint32_t stream_mark(std::span<const std::string> channels) {
  // FNV-1a: no secret, just unlikely to meet by accident. A line end stands in no channel's name.
  std::uint32_t hash = 2166136261U;
  const auto add = [&](char c) { hash = (hash ^ static_cast<std::uint8_t>(c)) * 16777619U; };
  for (const std::string& channel : channels) {
    std::for_each(channel.begin(), channel.end(), add);
    add('\n');
  }
  return hash;
}

void append_stream_position(std::string& out, std::uint32_t mark, std::span<const std::optional<Position>> positions) {
  CRIER_ASSERT(!positions.empty() && positions.size() <= stream_channels_max);
  std::array<const std::string*, stream_channels_max> epochs{};
  std::array<std::uint8_t, stream_channels_max> which{};
  std::size_t epoch_count = 0;
  for (std::size_t i = 0; i < positions.size(); ++i) {
    if (!positions[i]) continue;
    std::size_t at = 0;
    while (at < epoch_count && *epochs[at] != positions[i]->epoch) ++at;
    if (at == epoch_count) epochs[epoch_count++] = &positions[i]->epoch;
    which[i] = static_cast<std::uint8_t>(at + 1);
  }

  Writer writer;
  writer.put(version);
  for (unsigned shift = 32; shift > 0; shift -= 8) writer.put(static_cast<std::uint8_t>(mark >> (shift - 8)));
  writer.put(static_cast<std::uint8_t>(positions.size()));
  writer.put(static_cast<std::uint8_t>(epoch_count));
  for (std::size_t i = 0; i < epoch_count; ++i) {
    CRIER_ASSERT(!epochs[i]->empty() && epochs[i]->size() <= epoch_bytes_max);
    writer.put(static_cast<std::uint8_t>(epochs[i]->size()));
    writer.put(std::string_view(*epochs[i]));
  }
  for (std::size_t i = 0; i < positions.size(); ++i) {
    writer.put(which[i]);
    if (which[i] == 0) continue;
    CRIER_ASSERT(positions[i]->offset <= offset_max);
    writer.put_offset(positions[i]->offset);
  }
  append_base64url(out, writer.bytes());
}

Result<std::vector<std::optional<Position>>> parse_stream_position(std::string_view text, std::uint32_t mark,
                                                                   std::size_t channel_count) {
  CRIER_ASSERT(channel_count > 0 && channel_count <= stream_channels_max);
  const auto refused = [](std::string detail) { return Error{ErrorCode::bad_request, "", std::move(detail)}; };
  const auto foreign = [&] {
    return refused("must be the id of an event as this server gave it, found " + quote(text));
  };
  if (text.size() > base64url_bytes(bytes_max)) return foreign();
  const auto bytes = decode_base64url(text);
  if (!bytes) return foreign();
  Reader reader({reinterpret_cast<const std::uint8_t*>(bytes->data()), bytes->size()});
  const auto found_version = reader.byte();
  if (!found_version || *found_version != version) return foreign();
  const auto found_mark = reader.mark();
  const auto found_count = reader.byte();
  if (!found_mark || !found_count) return foreign();
  if (*found_count == 0 || *found_count > stream_channels_max) return foreign();
  if (*found_count != channel_count) {
    return refused("is of a stream with " + std::to_string(*found_count) + " channels, but this one has " +
                   std::to_string(channel_count) + ": the URL must name the same ones in the same order");
  }
  if (*found_mark != mark) {
    return refused("is of a stream with other channels: the URL must name the same ones in the same order");
  }
  auto positions = read_positions(reader, channel_count);
  if (!positions) return foreign();
  return std::move(*positions);
}

}  // namespace crier::command
