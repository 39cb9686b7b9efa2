// The rules between settings. Each blames the place of a setting that somebody wrote.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

#include "broker/config/draft.hpp"

namespace crier::config {

using Ids = std::initializer_list<std::string_view>;

// Says that `id` has the value `found` where it should have `expected`. When the default of `id` is in force, the
// place is that of the first of `others` that was written and does not go with it.
void blame(Draft& draft, std::string_view id, std::string found, Ids others, std::string_view expected,
           std::string_view consequence);

[[nodiscard]] std::string item(std::string_view list, std::size_t index);      // "server.listen[1]"
[[nodiscard]] std::string id_in(std::string_view name, std::string_view key);  // "namespace.chat.publish"

// Is the namespace's value in force the one somebody meant? Not when its own line, or the line it is inherited from,
// is faulty.
[[nodiscard]] bool meant(const Draft& draft, std::string_view name, std::string_view key);

[[nodiscard]] bool any_faulty(const Draft& draft, Ids ids);

void check_server(Draft& draft);  // addresses, hosts, paths; what protected mode wants
void check_tls(Draft& draft);
void check_auth(Draft& draft);  // tokens, keys, and the words that need them

}  // namespace crier::config
