#include "broker/net/response_headers.hpp"

#include <algorithm>

namespace crier::net {

namespace {

constexpr std::string_view page_policy =
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self' ws: wss:; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
constexpr std::string_view answer_policy = "default-src 'none'; frame-ancestors 'none'";

void add(Headers& headers, std::string_view name, std::string_view value) {
  const bool there = std::any_of(headers.begin(), headers.end(), [&](const http::Header& header) {
    return http::equals_ignoring_case(header.name, name);
  });
  if (!there) headers.push_back({std::string(name), std::string(value)});
}

}  // namespace

std::string readable_for(const http::RequestHead& head, const AdmissionContext& context) {
  const std::string* const origin = head.find("origin");
  return origin != nullptr && !refuse_caller(head, context) ? *origin : "";
}

void add_cors(Headers& headers, const std::string& origin) {
  if (origin.empty()) return;
  headers.push_back({"Access-Control-Allow-Origin", origin});
  headers.push_back({"Access-Control-Expose-Headers", "X-Request-Id, Retry-After"});
  headers.push_back({"Vary", "Origin"});
}

void add_preflight(Headers& headers, const http::RequestHead& head, const std::string& origin) {
  headers.push_back({"Allow", "GET, HEAD, POST, OPTIONS"});
  if (origin.empty()) return;
  headers.push_back({"Access-Control-Allow-Methods", "GET, POST"});
  headers.push_back({"Access-Control-Allow-Headers", "Authorization, Content-Type, Last-Event-ID"});
  headers.push_back({"Access-Control-Max-Age", "600"});
  // Browsers ask before a page from the internet calls a private address, to protect devices that know nothing of
  // origins. We do: whoever is asked about here stands in server.origins, so that the operator has answered already.
  const std::string* const asks = head.find("access-control-request-private-network");
  if (asks != nullptr && *asks == "true") headers.push_back({"Access-Control-Allow-Private-Network", "true"});
}

void add_data_policy(Headers& headers) {
  add(headers, "Cache-Control", "no-store");
  add(headers, "X-Content-Type-Options", "nosniff");
}

void add_answer_policy(Headers& headers) {
  add_data_policy(headers);
  add(headers, "Content-Security-Policy", answer_policy);
  add(headers, "Referrer-Policy", "no-referrer");  // a URL may hold a token
}

// No Strict-Transport-Security, over TLS neither: it binds every port of the host name, and what else is served under
// ours is not for us to say. A proxy that owns the name can add it.
void add_page_policy(Headers& headers) {
  add(headers, "Cache-Control", "no-cache");
  add(headers, "X-Content-Type-Options", "nosniff");
  add(headers, "Content-Security-Policy", page_policy);
  add(headers, "Referrer-Policy", "no-referrer");
  add(headers, "Cross-Origin-Opener-Policy", "same-origin");
  add(headers, "Cross-Origin-Resource-Policy", "same-origin");
}

}  // namespace crier::net
