// An authenticator that knows a handful of credentials by heart.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/auth/authenticator.hpp"
#include "protocol/base/check.hpp"

namespace crier::testing {

[[nodiscard]] inline auth::Grants grants_of(const std::vector<std::string>& items) {
  auto grants = auth::Grants::parse(items);
  CRIER_ASSERT(grants);
  return std::move(*grants);
}

// A user whose token lets it subscribe and publish to these.
[[nodiscard]] inline auth::Principal user(std::string name, const std::vector<std::string>& subscribe = {},
                                          const std::vector<std::string>& publish = {}) {
  auth::Principal principal;
  principal.name = std::move(name);
  principal.grants[static_cast<std::size_t>(auth::Right::subscribe)] = grants_of(subscribe);
  principal.grants[static_cast<std::size_t>(auth::Right::publish)] = grants_of(publish);
  return principal;
}

class FakeAuthenticator final : public auth::Authenticator {
 public:
  void know(const std::string& credential, auth::Principal principal) {
    known_[credential] = std::make_shared<const auth::Principal>(std::move(principal));
  }
  void forget(const std::string& credential) { known_.erase(credential); }

  [[nodiscard]] Result<PrincipalPtr, auth::AuthFault> authenticate(std::string_view credential,
                                                                   auth::CredentialPlace /*place*/,
                                                                   std::int64_t wall_s) const override {
    const auto found = known_.find(credential);
    if (found == known_.end()) return auth::AuthFault{ErrorCode::unauthorized, "signature", "not a good one"};
    if (found->second->expires_s && *found->second->expires_s <= wall_s) {
      return auth::AuthFault{ErrorCode::token_expired, "expired", "an old one"};
    }
    return found->second;
  }
  [[nodiscard]] bool vouches_for(std::uint64_t key_id) const override {
    return std::any_of(known_.begin(), known_.end(), [&](const auto& one) { return one.second->key_id == key_id; });
  }
  [[nodiscard]] PrincipalPtr service(std::string_view name) const override {
    for (const auto& [credential, principal] : known_) {
      if (principal->kind == auth::Principal::Kind::service && principal->name == name) return principal;
    }
    return nullptr;
  }

 private:
  std::map<std::string, PrincipalPtr, std::less<>> known_;
};

}  // namespace crier::testing
