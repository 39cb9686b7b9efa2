// States for the tests, and a second writer of the format: README.md once more, in the shortest words, without
// any check.
#pragma once

#include <openssl/sha.h>

#include <cstdint>
#include <random>
#include <string>
#include <string_view>

#include "broker/state/state_codec.hpp"

namespace crier::state {

template <class Integer>
void put(std::string& out, Integer value) {
  for (std::size_t i = 0; i < sizeof(Integer); ++i) {
    out += static_cast<char>(static_cast<std::uint64_t>(value) >> (8 * i) & 0xFF);
  }
}

template <class Length>
void put_text(std::string& out, std::string_view text) {
  put(out, static_cast<Length>(text.size()));
  out += text;
}

inline void put_channel(std::string& out, const SavedChannel& channel) {
  out += 'C';
  put_text<std::uint8_t>(out, channel.name);
  put(out, channel.floor);
  put(out, channel.top);
  put(out, channel.top_number);
  put(out, static_cast<std::uint32_t>(channel.messages.size()));
  for (const SavedMessage& message : channel.messages) {
    put(out, message.offset);
    put(out, message.number);
    put(out, message.time_ms);
    put(out, message.expires_ms);
    put(out, static_cast<std::uint8_t>(message.encoding));
    put(out, static_cast<std::uint8_t>(message.compressible));
    put_text<std::uint8_t>(out, message.conflate_key);
    put_text<std::uint32_t>(out, message.data_json);
  }
  put(out, static_cast<std::uint32_t>(channel.keys.size()));
  for (const SavedKey& key : channel.keys) {
    put_text<std::uint16_t>(out, key.scope);
    put_text<std::uint8_t>(out, key.key);
    put(out, key.offset);
    put(out, key.expires_ms);
  }
}

// Head and channels.
inline std::string records_of(const SavedState& state) {
  std::string out("CRIERST\x1A");
  put(out, std::uint32_t{1});
  put_text<std::uint8_t>(out, state.epoch);
  put(out, state.sequence);
  put(out, state.floor);
  for (const SavedChannel& channel : state.channels) put_channel(out, channel);
  return out;
}

// Adds the end: whatever stands before it, its length and its checksum are right.
inline std::string ended(std::string out, std::uint64_t channels) {
  out += 'E';
  put(out, channels);
  put(out, std::uint64_t{out.size() + 8 + SHA256_DIGEST_LENGTH});
  unsigned char sum[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(out.data()), out.size(), sum);
  return out.append(reinterpret_cast<const char*>(sum), sizeof(sum));
}

inline std::string file_of(const SavedState& state) {
  return ended(records_of(state), state.channels.size());
}

inline std::string written(const SavedState& state) {
  std::string out;
  StateWriter writer(state, [&](std::string_view bytes) { out += bytes; });
  for (const SavedChannel& channel : state.channels) writer.channel(channel);
  writer.finish();
  return out;
}

// One channel with two messages and a key: every kind of record, in few bytes.
inline SavedState small_state() {
  SavedState state;
  state.epoch = "k3v9";
  state.sequence = 12;
  state.floor = 3;
  SavedChannel channel{"news:a", 4, 9, 6, {}, {}};
  channel.messages.push_back({5, 2, 1700, 0, command::Encoding::json, true, "", R"({"a":[1,"é"]})"});
  channel.messages.push_back({9, 6, 1800, 1900, command::Encoding::base64, false, "price", R"("QUI=")"});
  channel.keys.push_back({"ann", "k1", 5, 2000});
  state.channels.push_back(channel);
  return state;
}

class RandomState {
 public:
  explicit RandomState(std::uint64_t seed) : random_(seed) {}

  SavedState make() {
    SavedState state;
    for (std::size_t i = below(16) + 1; i > 0; --i) state.epoch += "0123456789abcdefXYZ"[below(19)];
    state.sequence = below(3) == 0 ? offset_max : 1 + below(1'000'000);
    state.floor = below(state.sequence + 1);
    for (std::size_t i = below(6); i > 0; --i) state.channels.push_back(channel(state, i));
    return state;
  }

 private:
  std::uint64_t below(std::uint64_t limit) {
    return std::uniform_int_distribution<std::uint64_t>(0, limit - 1)(random_);
  }
  std::string bytes(std::size_t size) {
    std::string text(size, '\0');
    for (char& c : text) c = static_cast<char>(below(256));
    return text;
  }

  SavedChannel channel(const SavedHead& head, std::size_t number) {
    SavedChannel channel;
    channel.name = (below(2) == 0 ? "" : "chat:") + std::string(1 + below(240), 'x') + std::to_string(number);
    std::uint64_t offset = channel.floor = below(head.sequence);
    for (std::size_t i = below(5); i > 0 && offset < head.sequence; --i) {
      offset += 1 + below(head.sequence - offset);
      channel.top_number += 1 + below(1000);
      channel.messages.push_back(message(offset, channel.top_number));
    }
    channel.top = offset + below(head.sequence - offset + 1);
    channel.top_number += below(3);
    for (std::size_t i = channel.top == 0 ? 0 : below(4); i > 0; --i) {
      channel.keys.push_back({bytes(below(scope_bytes_max)), std::to_string(i) + bytes(below(254)),
                              1 + below(channel.top), static_cast<std::int64_t>(below(1ULL << 63))});
    }
    return channel;
  }

  SavedMessage message(std::uint64_t offset, std::uint64_t number) {
    static constexpr std::string_view json[] = {"null", R"({"a":{"b":[1e400,-0.5,"\ud83d\ude00"]}})", R"("é\n")", "[]"};
    static constexpr std::string_view base64[] = {R"("")", R"("AA==")", R"("/+8=")", R"("QUJD")"};
    SavedMessage message;
    message.offset = offset;
    message.number = number;
    message.time_ms = static_cast<std::int64_t>(below(1ULL << 53));
    message.expires_ms = below(2) == 0 ? 0 : static_cast<std::int64_t>(below(1ULL << 63));
    message.compressible = below(2) == 0;
    message.conflate_key = bytes(below(4) == 0 ? conflate_key_bytes_max : 0);
    if (below(2) == 0) {
      message.encoding = command::Encoding::base64;
      message.data_json = base64[below(4)];
    } else if (below(8) == 0) {
      message.data_json = '"' + std::string(100'000, 'x') + '"';  // more than the writer gathers
    } else {
      message.data_json = json[below(4)];
    }
    return message;
  }

  std::mt19937_64 random_;
};

}  // namespace crier::state
