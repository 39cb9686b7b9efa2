#include "clients/cli/bench/server_message.hpp"

#include <charconv>
#include <nlohmann/json.hpp>
#include <variant>

#include "protocol/websocket/frame_parser.hpp"

namespace crier::cli::benchmark {

namespace {

constexpr std::string_view channel_start = R"({"op":"message","channel":")";
constexpr std::string_view data_start = R"("data":")";
constexpr std::string_view published_start = R"({"op":"published","id":)";

static_assert(channel_start.starts_with(message_start));

void read_text(const nlohmann::json& object, const char* name, std::string& into) {
  const auto member = object.find(name);
  if (member != object.end() && member->is_string()) into = member->get<std::string>();
}

}  // namespace

std::optional<std::string_view> take_whole_text(std::span<char>& input, std::size_t bytes_max) {
  std::string_view rest(input.data(), input.size());
  const websocket::FrameHeadParser parser(websocket::Role::client, /*deflate_negotiated=*/false, bytes_max);
  const websocket::FrameHeadStep step = parser.next(rest);
  const auto* const head = std::get_if<websocket::FrameHead>(&step);
  if (head == nullptr || !head->fin || head->opcode != websocket::Opcode::text) return std::nullopt;
  if (head->payload_bytes > rest.size()) return std::nullopt;
  const std::string_view text = rest.substr(0, static_cast<std::size_t>(head->payload_bytes));
  input = input.last(rest.size() - text.size());
  return text;
}

std::size_t data_offset(std::string_view channel) {
  return channel_start.size() + channel.size() + 2 + data_start.size();  // 2: the end of the name, and a comma
}

std::string_view data_of(std::string_view push, std::size_t expected_at) {
  if (expected_at <= push.size() && push.substr(0, expected_at).ends_with(data_start)) return push.substr(expected_at);
  const std::size_t at = push.find(data_start);
  return at == std::string_view::npos ? std::string_view() : push.substr(at + data_start.size());
}

std::optional<std::uint64_t> published_id(std::string_view push) {
  if (!push.starts_with(published_start)) return std::nullopt;
  std::uint64_t id = 0;
  const char* const digits = push.data() + published_start.size();
  const auto [end, error] = std::from_chars(digits, push.data() + push.size(), id);
  if (error != std::errc{}) return std::nullopt;
  return id;
}

Notice read_notice(std::string_view push) {
  Notice notice;
  const auto object = nlohmann::json::parse(push, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) return notice;
  read_text(object, "op", notice.op);
  read_text(object, "channel", notice.channel);
  read_text(object, "code", notice.code);
  read_text(object, notice.op == "unsubscribed" ? "reason" : "message", notice.text);
  if (const auto id = object.find("id"); id != object.end() && id->is_number_unsigned()) {
    notice.id = id->get<std::uint64_t>();
  }
  if (const auto lost = object.find("lost"); lost != object.end() && lost->is_number_unsigned()) {
    notice.lost = lost->get<std::uint64_t>();
  }
  return notice;
}

}  // namespace crier::cli::benchmark
