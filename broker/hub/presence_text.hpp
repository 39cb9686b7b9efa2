// Members as they go over the wire.
#pragma once

#include <string>
#include <vector>

#include "broker/hub/mail.hpp"
#include "protocol/command/reply.hpp"

namespace crier::hub {

[[nodiscard]] std::vector<command::Member> members_of(const MemberPage& page);
// Where the page after this one starts: "" when there is none.
[[nodiscard]] std::string cursor_of(const MemberPage& page);
// The push, as JSON.
void append_presence_push(std::string& out, const PresenceEvent& event);

}  // namespace crier::hub
