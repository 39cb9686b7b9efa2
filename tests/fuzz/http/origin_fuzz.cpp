// Properties of hosts and origins: what is read as a host has one spelling, which reads as itself; loopback is never a
// name that somebody could own; and the rules only ever widen. A line end divides Host and Origin.
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "broker/auth/host_rule.hpp"
#include "broker/auth/origin.hpp"
#include "protocol/base/check.hpp"

namespace {

using namespace crier::auth;

void check_host(std::string_view text) {
  const auto place = parse_host(text);
  if (!place) return;
  CRIER_ASSERT(place->port >= 0 && place->port <= 65535);
  CRIER_ASSERT(place->host.size() <= text.size() + 45);
  const auto again = parse_host(place->host);
  CRIER_ASSERT(again && again->host == place->host && again->port == 0);
  for (const char c : place->host)
    CRIER_ASSERT(c > ' ' && c != '@' && c != '/' && c != '\x7F' && !(c >= 'A' && c <= 'Z'));
  const std::array<std::string, 1> own = {place->host};
  CRIER_ASSERT(host_listed(*place, own));
  if (!is_loopback_host(place->host)) {
    CRIER_ASSERT(!host_listed(*place, {}));
  } else {
    CRIER_ASSERT(place->host == "localhost" || is_address_host(place->host));
    CRIER_ASSERT(protected_host_allowed(*place));
  }
}

bool allowed(std::string_view origin, const Called& called, const std::vector<std::string>& rules) {
  std::string why;
  const bool verdict = origin_allowed(origin, called, rules, why);
  CRIER_ASSERT(verdict == why.empty());
  return verdict;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::size_t line = text.find('\n');
  const std::string_view host = text.substr(0, line);
  const std::string_view origin = line == std::string_view::npos ? std::string_view{} : text.substr(line + 1);
  check_host(host);

  const bool same = allowed(origin, {host, false}, {"same"});
  const bool local = allowed(origin, {host, false}, {"local"});
  CRIER_ASSERT(!allowed(origin, {host, true}, {"same"}) || same);
  CRIER_ASSERT(allowed(origin, {host, false}, {"same", "local"}) == (same || local));
  CRIER_ASSERT(allowed(origin, {host, false}, {"local", "*"}));
  CRIER_ASSERT(!allowed(origin, {host, false}, {}));
  if (same) CRIER_ASSERT(parse_host(host).has_value());
  const std::string own(origin);
  if (same || local) CRIER_ASSERT(allowed(origin, {"elsewhere.example", false}, {own}));
  return 0;
}
