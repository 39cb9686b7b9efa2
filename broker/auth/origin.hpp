// Which pages may call us: pure decisions, no I/O.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace crier::auth {

// How the page called us.
struct Called {
  std::string_view host;  // the Host header; "": none
  bool secure = false;    // TLS ended in this process
};

// May a page of that origin call us? `rules` are the entries of server.origins: "same", "local", "*", or
// scheme://host[:port] where the host may start with "*." for any subdomain. `why` says what refused.
//
// `same` compares host, port and scheme. Where TLS ends here the scheme is https. On a plain listener it is http, or,
// behind a proxy that ends TLS, https: only the browser knows, so that either is taken, each with its own default port.
[[nodiscard]] bool origin_allowed(std::string_view origin, const Called& called, std::span<const std::string> rules,
                                  std::string& why);

// What server.origins means when it is not set.
[[nodiscard]] std::vector<std::string> default_origins(bool protected_mode);

}  // namespace crier::auth
