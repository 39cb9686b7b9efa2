#include "broker/net/stream_request.hpp"

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <utility>

#include "broker/net/url_channels.hpp"
#include "broker/runtime/jitter.hpp"
#include "protocol/command/stream_position.hpp"
#include "protocol/http/event_stream.hpp"

namespace crier::net {

namespace {

constexpr std::string_view header_name = "Last-Event-ID";
constexpr std::string_view parameter_name = "last_event_id";

Refusal bad_request(std::string_view reason, std::string detail) {
  return {400, reason, "bad_request", std::move(detail)};
}

std::string_view trim(std::string_view text) {
  while (text.starts_with(' ') || text.starts_with('\t')) text.remove_prefix(1);
  return text;
}

StreamRequest starting_at(std::vector<session::ChannelAtConnect> channels) {
  StreamRequest request;
  for (session::ChannelAtConnect& channel : channels) {
    request.channels.push_back(std::move(channel.name));
    request.resume.push_back(std::move(channel.since));
  }
  return request;
}

void add(StreamRequest& request, const std::string& channel) {
  if (std::ranges::find(request.channels, channel) != request.channels.end()) return;
  request.channels.push_back(channel);
  request.resume.emplace_back();
}

Refusal too_many_channels(std::string_view who) {
  return bad_request("bad_channel", std::string(who) + " more than the " +
                                        std::to_string(command::stream_channels_max) +
                                        " channels that one event stream may have: open another stream, or "
                                        "subscribe to a pattern");
}

// An id, and where it stood.
struct FoundId {
  std::string_view place;
  std::string text;  // "": none
};

Result<StreamRequest, Refusal> with_resume(StreamRequest request, const FoundId& id) {
  if (id.text.empty()) return request;
  const auto refused = [&](const std::string& detail) {
    return bad_request("bad_position", std::string(id.place) + " " + detail);
  };
  auto resume =
      command::parse_stream_position(id.text, command::stream_mark(request.channels), request.channels.size());
  if (!resume) return refused(resume.error().detail);
  for (std::size_t i = 0; i < request.channels.size(); ++i) {
    if ((*resume)[i] && command::looks_like_pattern(request.channels[i])) {
      return refused("holds a position of a pattern, which has none");
    }
  }
  request.resume = std::move(*resume);
  return request;
}

}  // namespace

bool wants_event_stream(const http::RequestHead& head) {
  if (head.method != "GET") return false;
  const std::string accept = head.joined("accept");
  for (std::string_view rest = accept; !rest.empty();) {
    const auto end = std::min(rest.find(','), rest.size());
    if (http::equals_ignoring_case(media_type(trim(rest.substr(0, end))), http::event_stream_type)) return true;
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return false;
}

Result<StreamRequest, Refusal> check_stream_request(const http::RequestHead& head,
                                                    std::span<const std::string> claimed) {
  auto named = channels_of_url(head.query());
  if (!named) return std::move(named.error());
  if (named->size() > command::stream_channels_max) return too_many_channels("the URL names");
  StreamRequest request = starting_at(std::move(*named));
  for (const std::string& channel : claimed) add(request, channel);
  if (request.channels.size() > command::stream_channels_max) return too_many_channels("the URL and the token name");
  if (request.channels.empty()) {
    return bad_request("bad_channel", "an event stream needs a channel: name one or more in the URL (?channel=a)");
  }
  FoundId id{parameter_name, ""};
  for (auto& [name, value] : http::parse_query(head.query())) {
    if (name == parameter_name) id.text = std::move(value);
  }
  // A browser comes back with the URL that it began with, and with the id of the last event that it saw: the
  // header is the newer one of the two, and newer than any `since`.
  if (head.count(header_name) > 1) return bad_request("bad_position", "more than one Last-Event-ID header");
  if (const std::string* const header = head.find(header_name); header != nullptr && !header->empty()) {
    id = {header_name, *header};
  }
  return with_resume(std::move(request), id);
}

std::uint64_t jittered_retry_ms() {
  return runtime::jitter(1000, 5000);
}

}  // namespace crier::net
