// `crier health`: is the broker fit to be sent traffic? For what starts containers, and for scripts.
#include <algorithm>
#include <array>
#include <chrono>

#include "broker/auth/host_rule.hpp"
#include "broker/tools/admin_call.hpp"
#include "broker/tools/commands.hpp"
#include "broker/tools/options.hpp"

namespace crier::tools {

namespace {

constexpr std::string_view default_url = "http://127.0.0.1:9008/readyz";

constexpr std::array health_options = {
    Option{"--url", "URL", "What to ask (default: http://127.0.0.1:9008/readyz)"},
};

constexpr std::string_view health_footer =
    "The address is that of server.admin. It wants no key for this, wherever it listens. /readyz asks whether the\n"
    "broker is to be sent traffic: it is not while it starts or drains. /healthz asks whether it is alive at all:\n"
    "whoever restarts what is not healthy should ask that one.\n"
    "\n"
    "Exit codes: 0 it says yes, 1 it says no or nothing within 5 s, 2 wrong options.\n";

constexpr Usage health_usage{"crier health", "[OPTIONS]", "Ask a broker whether it is well", health_options,
                             health_footer};

constexpr std::chrono::milliseconds answer_time_max{5'000};

struct Place {
  std::string address;  // HOST:PORT, as it was written
  std::string path;
};

// http://HOST:PORT/PATH, of which the path may be left out. What is sent is what stands there, so nothing but what may
// stand in a URL gets through.
std::optional<Place> parse_url(std::string_view url) {
  constexpr std::string_view scheme = "http://";
  if (!url.starts_with(scheme)) return std::nullopt;
  if (!std::ranges::all_of(url, [](char c) { return c > ' ' && c <= '~' && c != '#'; })) return std::nullopt;
  url.remove_prefix(scheme.size());
  const std::size_t slash = std::min(url.find('/'), url.size());
  const std::string_view authority = url.substr(0, slash);
  const auto host = auth::parse_host(authority);
  if (!host || host->port == 0) return std::nullopt;
  return Place{std::string(authority), slash == url.size() ? "/readyz" : std::string(url.substr(slash))};
}

}  // namespace

const Usage& usage_of_health() {
  return health_usage;
}

Outcome health(std::span<const std::string> arguments) {
  Options options;
  if (auto done = options.parse(health_usage, arguments)) return std::move(*done);
  const std::string url = options.one("--url").value_or(std::string(default_url));
  const auto place = parse_url(url);
  if (!place) {
    return wrong_usage(health_usage,
                       "--url: expected http://HOST:PORT/readyz, of the address in server.admin, which "
                       "never speaks TLS");
  }
  const AdminAnswer answer =
      ask_admin(place->address, admin_request("GET", place->path, place->address, ""), answer_time_max);
  const std::string where = "http://" + place->address + place->path;
  if (answer.status == 0) return refused(health_usage, where + ": " + answer.body);
  if (answer.status != 200) return refused(health_usage, where + ": " + reason_of(answer));
  return {exit_done, where + ": " + reason_of(answer) + "\n", ""};
}

}  // namespace crier::tools
