// What the storm client reads of the broker's pushes and replies: compact JSON with `op` first, and data of its own.
#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace crier::storm {

// The text behind `"key":` up to the end of the message; nothing without the key. Keys are looked for as text, which
// is enough as nothing that we publish looks like one.
[[nodiscard]] inline std::optional<std::string_view> behind(std::string_view message, std::string_view key) {
  std::string wanted;
  wanted.append("\"").append(key).append("\":");
  const std::size_t at = message.find(wanted);
  if (at == std::string_view::npos) return std::nullopt;
  return message.substr(at + wanted.size());
}

// The value of a string without escapes; empty without it.
[[nodiscard]] inline std::string_view string_of(std::string_view message, std::string_view key) {
  const auto value = behind(message, key);
  if (!value || !value->starts_with('"')) return {};
  return value->substr(1, value->find('"', 1) - 1);
}

[[nodiscard]] inline std::optional<std::int64_t> integer_of(std::string_view message, std::string_view key) {
  const auto value = behind(message, key);
  std::int64_t number = 0;
  if (!value || std::from_chars(value->data(), value->data() + value->size(), number).ec != std::errc{}) {
    return std::nullopt;
  }
  return number;
}

[[nodiscard]] inline bool is_op(std::string_view message, std::string_view op) {
  constexpr std::string_view head = "{\"op\":\"";
  return message.starts_with(head) && message.substr(head.size()).starts_with(op) &&
         message.substr(head.size() + op.size()).starts_with('"');
}

// The data of every message is [channel,sequence,due,"padding"]: the sequence counts within its channel, from 0.
struct Stamp {
  std::uint32_t channel = 0;
  std::uint32_t sequence = 0;
  std::int64_t due = 0;  // when it was to be published, ns of the monotonic clock
};

[[nodiscard]] inline std::optional<Stamp> stamp_of(std::string_view message) {
  const auto data = behind(message, "data");
  if (!data || !data->starts_with('[')) return std::nullopt;
  const char* const end = data->data() + data->size();
  Stamp stamp;
  auto read = std::from_chars(data->data() + 1, end, stamp.channel);
  if (read.ec != std::errc{} || read.ptr == end || *read.ptr != ',') return std::nullopt;
  read = std::from_chars(read.ptr + 1, end, stamp.sequence);
  if (read.ec != std::errc{} || read.ptr == end || *read.ptr != ',') return std::nullopt;
  read = std::from_chars(read.ptr + 1, end, stamp.due);
  if (read.ec != std::errc{} || read.ptr == end || *read.ptr != ',') return std::nullopt;
  return stamp;
}

// May a command that failed so be sent again? (`timeout` only because it has an idempotency key.)
[[nodiscard]] inline bool is_retryable(std::string_view code) {
  return code == "unavailable" || code == "timeout" || code == "rate_limited" || code == "limit_exceeded" ||
         code == "internal";
}

}  // namespace crier::storm
