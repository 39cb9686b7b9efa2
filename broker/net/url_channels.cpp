#include "broker/net/url_channels.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "protocol/command/channel_name.hpp"
#include "protocol/http/request.hpp"

namespace crier::net {

namespace {

using session::ChannelAtConnect;

Refusal bad_request(std::string_view reason, std::string detail) {
  return {400, reason, "bad_request", std::move(detail)};
}

Refusal bad_since(const std::string& detail) {
  return bad_request("bad_position", "since in the URL: " + detail);
}

std::optional<Refusal> set_since(ChannelAtConnect* channel, std::string_view text) {
  if (channel == nullptr) return bad_since("stands behind the channel that it belongs to (?channel=a&since=POSITION)");
  if (channel->since) return bad_since("given twice for " + channel->name);
  if (command::looks_like_pattern(channel->name)) return bad_since(channel->name + " is a pattern, which has none");
  auto position = command::Position::parse(text);
  if (!position) return bad_since(position.error().detail);
  channel->since = std::move(*position);
  return std::nullopt;
}

}  // namespace

Result<std::vector<ChannelAtConnect>, Refusal> channels_of_url(std::string_view query) {
  std::vector<ChannelAtConnect> channels;
  ChannelAtConnect* last = nullptr;
  for (auto& [name, value] : http::parse_query(query)) {
    if (name == "since") {
      if (auto refusal = set_since(last, value)) return std::move(*refusal);
    }
    if (name != "channel") continue;
    const std::string fault =
        command::looks_like_pattern(value) ? command::check_channel_pattern(value) : command::check_channel_name(value);
    if (!fault.empty()) return bad_request("bad_channel", "channel in the URL: " + fault);
    auto found = std::ranges::find(channels, value, &ChannelAtConnect::name);
    if (found == channels.end()) found = channels.insert(found, {std::move(value), std::nullopt});
    last = &*found;
  }
  return channels;
}

}  // namespace crier::net
