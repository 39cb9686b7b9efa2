// Who a session speaks for, once it has proved it. Immutable: sessions, requests and threads share it.
// A null pointer to one is an anonymous client.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "broker/auth/grants.hpp"

namespace crier::auth {

enum class Right : std::uint8_t { subscribe, publish, history, presence };
inline constexpr std::size_t right_count = 4;

struct Principal {
  enum class Kind : std::uint8_t { user, service };
  Kind kind = Kind::user;
  std::string name;       // a user's `sub` (at most 256 bytes; "": the token names nobody), or the service's name
  std::string info_json;  // the claim `info` as JSON text, for presence; "": none
  std::array<Grants, right_count> grants;
  std::vector<std::string> channels;      // the claim `channels`: subscribed at connect, and granted
  std::optional<std::int64_t> expires_s;  // Unix time; services and tokens without `exp` never do
  std::uint64_t key_id = 0;               // of the service key, or of the key that verified the token
  bool manage = false;                    // services: channels, disconnect, kick, the administrative listener

  [[nodiscard]] const Grants& granted(Right right) const { return grants[static_cast<std::size_t>(right)]; }
};

}  // namespace crier::auth
