// Who may do what to a channel: pure decisions, from who it is and the settings of the channel's namespace.
#pragma once

#include <optional>
#include <string_view>

#include "broker/auth/principal.hpp"
#include "broker/config/config.hpp"
#include "protocol/base/result.hpp"

namespace crier::auth {

enum class Action : std::uint8_t { subscribe, publish, history, presence };

// Nothing when it may; otherwise the error, which names the rule that refused: `unauthorized` where a credential could
// help that was not given, else `forbidden`. `channel` is a name or, to subscribe, a pattern; `settings` are those of
// its namespace.
[[nodiscard]] std::optional<Error> refuse(Action action, std::string_view channel, const config::Namespace& settings,
                                          const Principal* who);

}  // namespace crier::auth
