// What addresses, hosts and paths want of each other, and of protected mode.
#include <algorithm>

#include "broker/config/address.hpp"
#include "broker/config/check.hpp"
#include "broker/config/draft.hpp"

namespace crier::config {
namespace {

// Is it known whether protected mode is in force? A faulty setting may have meant the opposite.
bool knows_protection(const Draft& draft) {
  return !draft.faulty("server.protected_mode") && !draft.any_faulty_below("auth");
}

void check_listen(Draft& draft) {
  const Server& server = draft.config.server;
  for (std::size_t i = 0; i < server.listen.size(); ++i) {
    const std::string id = item("server.listen", i);
    const auto address = parse_address(server.listen[i]);
    if (!address) continue;
    const std::string found = "\"" + server.listen[i] + "\"";
    if (draft.config.protects() && knows_protection(draft) && !address->loopback) {
      blame(draft, id, found, {"server.protected_mode"},
            "a loopback address (127.0.0.1, [::1] or localhost) or a Unix socket while protected mode is in force",
            "Whoever reaches another address could subscribe and publish. Tokens ([auth.jwt]) or service keys "
            "([[auth.service_key]]) lift that, or server.protected_mode = false.");
    }
    const auto begin = server.listen.begin();
    const auto self = begin + static_cast<std::ptrdiff_t>(i);
    const bool fixed = address->port != 0 || !address->unix_path.empty();
    if (fixed && std::find(begin, self, *self) != self) {
      blame(draft, id, found, {}, "each address once", "A second listener could not bind to it.");
    }
  }
}

bool somebody_manages(const Config& config) {
  return std::ranges::any_of(config.auth.service_keys, [](const ServiceKey& key) { return key.manage; });
}

void check_admin(Draft& draft) {
  const Server& server = draft.config.server;
  const auto admin = parse_address(server.admin);
  if (!admin || draft.faulty("server.admin")) return;
  const std::string found = "\"" + server.admin + "\"";
  if (!admin->loopback && !somebody_manages(draft.config) && !draft.any_faulty_below("auth")) {
    blame(draft, "server.admin", found, {},
          "a loopback address (127.0.0.1, [::1] or localhost), or an [[auth.service_key]] with manage = true",
          "On another address the administrative listener asks for such a key, and there is none.");
  }
  for (std::size_t i = 0; i < server.listen.size(); ++i) {
    if (admin->port == 0 || parse_address(server.listen[i]) != admin) continue;
    blame(draft, "server.admin", found, {item("server.listen", i)}, "an address that server.listen does not have",
          "One address cannot serve both.");
    break;
  }
}

bool same_is_allowed(const Server& server) {
  return !server.origins || std::ranges::count(*server.origins, "same") > 0;
}

// A page is of the same origin when it was loaded by the name that it calls. Whoever owns a name can let it lead here
// (DNS rebinding), so without a list of our own names every page could be of the same origin.
void check_hosts(Draft& draft) {
  const Config& config = draft.config;
  if (config.protects() || !config.auth.anonymous || !same_is_allowed(config.server)) return;
  if (!config.server.hosts.empty() || !knows_protection(draft)) return;
  if (any_faulty(draft, {"server.hosts", "server.origins"})) return;
  for (const auto& [name, settings] : config.namespaces) {
    if (settings.subscribe != Who::anyone || !meant(draft, name, "subscribe")) continue;
    blame(draft, "server.hosts", "[]",
          {"server.origins", "server.protected_mode", "auth.jwt.secret", "auth.jwt.public_key", "auth.jwt.jwks",
           "auth.service_key", id_in(name, "subscribe")},
          "the public names of this broker, as [\"crier.example.com\"]",
          "Anonymous clients may subscribe (" + id_in(name, "subscribe") +
              ") from pages of the same origin, and where every name is accepted DNS rebinding lets any page pass for "
              "one. Other ways out: server.origins without \"same\", subscribe = \"authenticated\" in every namespace, "
              "or auth.anonymous = false.");
    return;
  }
}

void check_paths(Draft& draft) {
  const Server& server = draft.config.server;
  const auto begin = server.paths.begin();
  for (auto path = begin; path != server.paths.end(); ++path) {
    const std::string id = item("server.paths", static_cast<std::size_t>(path - begin));
    if (std::find(begin, path, *path) != path) {
      blame(draft, id, "\"" + *path + "\"", {}, "each path once", "The second would never be looked at.");
    }
    if (server.echo && *path == "/echo") {
      blame(draft, id, "\"/echo\"", {}, "another path", "--echo serves that one.");
    }
  }
}

}  // namespace

void check_server(Draft& draft) {
  check_listen(draft);
  check_admin(draft);
  check_hosts(draft);
  check_paths(draft);
}

}  // namespace crier::config
