// What a GET asks for that wants server-sent events: channels, and where to resume. By the head alone; no
// socket, no clock.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "broker/net/admission.hpp"
#include "protocol/base/result.hpp"
#include "protocol/command/channel_name.hpp"
#include "protocol/http/request.hpp"

namespace crier::net {

struct StreamRequest {
  std::vector<std::string> channels;  // names and patterns, each once, in the URL's order
  // Where each of them stood; none: it begins anew.
  std::vector<std::optional<command::Position>> resume;
};

// Does a GET ask for an event stream at all: is text/event-stream in its Accept?
[[nodiscard]] bool wants_event_stream(const http::RequestHead& head);

// `claimed`: channels that the credential brings along; they come behind the URL's.
[[nodiscard]] Result<StreamRequest, Refusal> check_stream_request(const http::RequestHead& head,
                                                                  std::span<const std::string> claimed = {});

// For `retry:`, in ms: streams that were cut together should not come back together.
[[nodiscard]] std::uint64_t jittered_retry_ms();

}  // namespace crier::net
