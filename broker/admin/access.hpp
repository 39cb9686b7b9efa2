// Who may read the administrative listener: pure decisions, by a request's head.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "broker/auth/authenticator.hpp"
#include "broker/net/admission.hpp"
#include "protocol/http/request.hpp"

namespace crier::admin {

inline constexpr std::string_view drain_path = "/drain";
inline constexpr std::string_view channels_path = "/channels";

// Three rules, in this order:
// * the Host is loopback or one of `hosts` (server.admin_hosts), so that no rebound name reaches us: 421;
// * the request is no other page's: its Origin, where there is one, is our own, and Sec-Fetch-Site, where there is one,
//   says `same-origin` or `none`: 403. `same-site` is refused too, as to browsers all ports of localhost are one site;
// * on a listener that is not on loopback it brings a service key with `manage`: 401, 403. What changes something (POST
//   /drain) or names channels (/channels) wants one on loopback too, outside protected mode.
//
// /healthz and /readyz are for orchestrators, which call a container by whatever address it has today and hold no keys.
// They tell nothing but "ok" and why we are not ready, so that they want no key, and take an address for a Host: nobody
// can rebind one.
class Access {
 public:
  Access(bool on_loopback, std::vector<std::string> hosts) : on_loopback_(on_loopback), hosts_(std::move(hosts)) {}

  // What a reload brings. `authenticator` may be null: then nobody can prove anything.
  // `anyone_may_act`: in protected mode, to whoever is on this machine.
  void set(std::shared_ptr<const auth::Authenticator> authenticator, std::vector<std::string> hosts,
           bool anyone_may_act);
  // `wall_s`: Unix time.
  [[nodiscard]] std::optional<net::Refusal> refuse(const http::RequestHead& head, std::int64_t wall_s) const;

 private:
  [[nodiscard]] std::optional<net::Refusal> refuse_host(const http::RequestHead& head) const;
  [[nodiscard]] std::optional<net::Refusal> refuse_credential(const http::RequestHead& head, std::int64_t wall_s) const;

  bool on_loopback_;
  std::vector<std::string> hosts_;
  std::shared_ptr<const auth::Authenticator> authenticator_;
  bool anyone_may_act_ = false;
};

}  // namespace crier::admin
