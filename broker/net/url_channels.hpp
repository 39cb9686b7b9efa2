// The channels that a URL names: `?channel=a&channel=b&since=EPOCH:17`. No socket, no clock.
#pragma once

#include <string_view>
#include <vector>

#include "broker/net/admission.hpp"
#include "broker/session/channel_at_connect.hpp"
#include "protocol/base/result.hpp"

namespace crier::net {

// Names and patterns in the URL's order, each once. A `since` belongs to the `channel` before it. Refusals are 400,
// bad_channel or bad_position.
[[nodiscard]] Result<std::vector<session::ChannelAtConnect>, Refusal> channels_of_url(std::string_view query);

}  // namespace crier::net
