#include "clients/cpp/url.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "protocol/http/head_syntax.hpp"
#include "protocol/http/request.hpp"

namespace crier::client {

namespace {

constexpr std::string_view default_target = "/message";
constexpr std::string_view unix_scheme = "unix:";
constexpr std::size_t unix_path_bytes_max = 107;  // sockaddr_un holds 108, with a NUL

struct Scheme {
  std::string_view name;
  bool tls;
};
constexpr Scheme schemes[] = {{"ws", false}, {"wss", true}, {"http", false}, {"https", true}};

std::uint16_t default_port(bool tls) {
  return tls ? 443 : 80;
}

// What may stand in a request line behind the host: visible ASCII. '#' has been looked for before.
bool is_target(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7f'; });
}

// "" when the text can be a host's name or IPv4 address.
std::string_view name_flaw(std::string_view host) {
  if (host.empty()) return "has no host: write one, as in ws://localhost:8008/message";
  const bool plain = std::all_of(host.begin(), host.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
           c == '_';
  });
  if (!plain) return "has a host with a character that no host has (write names in their ASCII form)";
  return {};
}

std::optional<UrlFault> read_port(std::string_view digits, Url& url) {
  unsigned port = 0;
  const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  const bool whole = parsed.ec == std::errc() && parsed.ptr == digits.data() + digits.size();
  if (!whole || port == 0 || port > 65535) return UrlFault{"has a port that is no number from 1 to 65535"};
  url.port = static_cast<std::uint16_t>(port);
  return std::nullopt;
}

// [::1]:8008, with or without the port.
std::optional<UrlFault> read_bracketed(std::string_view authority, Url& url) {
  const auto end = authority.find(']');
  if (end == std::string_view::npos) return UrlFault{"has a '[' without its ']' in the host"};
  const std::string_view address = authority.substr(1, end - 1);
  const bool plausible = address.find(':') != std::string_view::npos &&
                         address.find_first_not_of("0123456789abcdefABCDEF:.") == std::string_view::npos;
  if (!plausible) return UrlFault{"has something else than an IPv6 address between '[' and ']'"};
  url.host = address;
  const std::string_view rest = authority.substr(end + 1);
  if (rest.empty()) return std::nullopt;
  if (rest.front() != ':') return UrlFault{"has something behind the ']' of its host that is no port"};
  return read_port(rest.substr(1), url);
}

std::optional<UrlFault> read_authority(std::string_view authority, Url& url) {
  if (authority.find('@') != std::string_view::npos) {
    return UrlFault{"has a name or password before the host: give a token or key as such, not in the URL"};
  }
  if (authority.starts_with('[')) return read_bracketed(authority, url);
  const auto colon = authority.find(':');
  if (colon != std::string_view::npos && authority.find(':', colon + 1) != std::string_view::npos) {
    return UrlFault{"has more than one ':' in its host: an IPv6 address stands in brackets, as in ws://[::1]:8008"};
  }
  const std::string_view host = authority.substr(0, colon);
  if (const auto flaw = name_flaw(host); !flaw.empty()) return UrlFault{std::string(flaw)};
  url.host = host;
  if (colon == std::string_view::npos) return std::nullopt;
  return read_port(authority.substr(colon + 1), url);
}

crier::Result<Url, UrlFault> parse_unix(std::string_view path) {
  Url url;
  url.port = default_port(false);
  url.unix_path = path;
  url.target = default_target;
  if (!path.starts_with('/')) return UrlFault{"has no absolute path behind unix: as in unix:/run/crier.sock"};
  if (path.size() > unix_path_bytes_max || path.find('\0') != std::string_view::npos) {
    return UrlFault{"has a path that no socket can have (at most 107 bytes)"};
  }
  return url;
}

}  // namespace

std::string Url::host_header() const {
  if (!unix_path.empty()) return "localhost";
  std::string text = host.find(':') == std::string::npos ? host : "[" + host + "]";
  if (port != default_port(tls)) text += ":" + std::to_string(port);
  return text;
}

std::string Url::text() const {
  if (!unix_path.empty()) return std::string(unix_scheme) + unix_path;
  return std::string(tls ? "wss://" : "ws://") + host_header() + target.substr(0, target.find('?'));
}

crier::Result<Url, UrlFault> parse_url(std::string_view text) {
  if (text.starts_with(unix_scheme)) return parse_unix(text.substr(unix_scheme.size()));
  const auto colon = text.find("://");
  if (colon == std::string_view::npos) {
    return UrlFault{"has no scheme: it begins with ws://, wss://, http:// or https://"};
  }
  const auto* const scheme = std::find_if(std::begin(schemes), std::end(schemes), [&](const Scheme& known) {
    return http::equals_ignoring_case(known.name, text.substr(0, colon));
  });
  if (scheme == std::end(schemes)) return UrlFault{"has a scheme that is none of ws, wss, http and https"};
  text.remove_prefix(colon + 3);
  if (text.find('#') != std::string_view::npos) return UrlFault{"has a fragment ('#'), which is never sent"};

  Url url;
  url.tls = scheme->tls;
  url.port = default_port(url.tls);
  const std::size_t authority_bytes = std::min(text.find_first_of("/?"), text.size());
  if (auto fault = read_authority(text.substr(0, authority_bytes), url)) return std::move(*fault);
  const std::string_view target = text.substr(authority_bytes);
  if (!is_target(target)) return UrlFault{"has a character in its path that must be percent-encoded"};
  url.target = target.starts_with('/') ? "" : default_target;
  url.target += target;
  return url;
}

}  // namespace crier::client
