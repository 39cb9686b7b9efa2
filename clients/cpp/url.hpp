// Where a broker is: ws://, wss://, http:// and https:// URLs, and unix:/path for a socket of this machine.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "protocol/base/result.hpp"

namespace crier::client {

struct Url {
  bool tls = false;
  std::string host;                 // a name or an address; IPv6 without its brackets; "" with unix_path
  std::uint16_t port = 0;           // 80 and 443 where the URL has none
  std::string unix_path;            // "" for TCP
  std::string target;               // path and query, as they stand; "/message" where the URL has no path
  std::string host_header() const;  // "example.com", "[::1]:8008", "localhost" for a socket of this machine
  std::string text() const;         // for people: without the query, which may hold a token

  friend bool operator==(const Url&, const Url&) = default;
};

// The rest of a sentence that begins with the URL: "has no host: ...".
struct UrlFault {
  std::string detail;

  friend bool operator==(const UrlFault&, const UrlFault&) = default;
};

[[nodiscard]] crier::Result<Url, UrlFault> parse_url(std::string_view text);

}  // namespace crier::client
