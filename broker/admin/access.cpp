#include "broker/admin/access.hpp"

#include <array>
#include <utility>

#include "broker/auth/host_rule.hpp"
#include "broker/auth/origin.hpp"
#include "broker/net/credentials.hpp"

namespace crier::admin {

namespace {

using Decision = std::optional<net::Refusal>;

constexpr std::string_view needed =
    "this is not for everybody who can reach it: send the key of a service with manage = true as `Authorization: "
    "Bearer`";

bool is_probe(const http::RequestHead& head) {
  return head.path() == "/healthz" || head.path() == "/readyz";
}

Decision refuse_page(const http::RequestHead& head) {
  static const std::array<std::string, 1> own = {"same"};
  for (const http::Header& header : head.headers) {
    bool foreign = false;
    if (http::equals_ignoring_case(header.name, "sec-fetch-site")) {
      foreign = header.value != "same-origin" && header.value != "none";
    } else if (http::equals_ignoring_case(header.name, "origin")) {
      const std::string* const host = head.find("host");
      std::string why;
      foreign = !auth::origin_allowed(header.value, {host == nullptr ? "" : *host}, own, why);
    }
    if (foreign) {
      return net::Refusal{403, "origin", "forbidden",
                          "other pages may not call the administrative listener: open its address directly"};
    }
  }
  return std::nullopt;
}

}  // namespace

void Access::set(std::shared_ptr<const auth::Authenticator> authenticator, std::vector<std::string> hosts,
                 bool anyone_may_act) {
  anyone_may_act_ = anyone_may_act;
  authenticator_ = std::move(authenticator);
  hosts_ = std::move(hosts);
}

Decision Access::refuse(const http::RequestHead& head, std::int64_t wall_s) const {
  if (Decision refusal = refuse_host(head)) return refusal;
  if (Decision refusal = refuse_page(head)) return refusal;
  const bool acts = head.path() == drain_path;
  const bool reads = head.method == "GET" || head.method == "HEAD";
  if (acts ? head.method != "POST" : !reads) {
    return net::Refusal{405,
                        "bad_method",
                        "method_not_allowed",
                        acts ? "this changes something: POST" : "this only tells: GET",
                        {{"Allow", acts ? "POST" : "GET, HEAD"}}};
  }
  return refuse_credential(head, wall_s);
}

Decision Access::refuse_host(const http::RequestHead& head) const {
  const std::string* const host = head.find("host");
  const auto place = host == nullptr ? std::nullopt : auth::parse_host(*host);
  if (place && auth::host_listed(*place, hosts_)) return std::nullopt;
  const bool by_address = host == nullptr || (place && auth::is_address_host(place->host));
  if (by_address && is_probe(head)) return std::nullopt;
  return net::Refusal{421, "host", "misdirected", "call it by a loopback name, or list the name in server.admin_hosts"};
}

Decision Access::refuse_credential(const http::RequestHead& head, std::int64_t wall_s) const {
  if (is_probe(head)) return std::nullopt;
  // Whoever is on this machine may look at figures.
  const bool figures = head.path() != drain_path && head.path() != channels_path;
  if (on_loopback_ && (anyone_may_act_ || figures)) return std::nullopt;
  auto credential = net::find_credential(head);
  if (!credential) return std::move(credential.error());
  if (!*credential || !authenticator_) return net::unauthorized(std::string(needed));
  // Keys are never taken from URLs, and tokens manage nothing.
  auto who = authenticator_->authenticate((*credential)->text, (*credential)->place, wall_s);
  if (!who) return net::unauthorized(std::move(who.error().detail), who.error().code);
  if ((*who)->manage) return std::nullopt;
  return net::Refusal{403, "forbidden", "forbidden", "this needs the key of a service with manage = true"};
}

}  // namespace crier::admin
