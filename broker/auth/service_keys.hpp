// Keys of services: random words that are known to us by their SHA-256 alone.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "broker/auth/authenticator.hpp"
#include "broker/auth/digest.hpp"

namespace crier::auth {

// "crier_" and 32 random bytes in base64url. As random as a key must be to be stored by a plain hash.
[[nodiscard]] std::string new_service_key();

class ServiceKeys {
 public:
  // Faults are added to the list, each a sentence that begins with its key.
  ServiceKeys(const std::vector<config::ServiceKey>& settings, std::vector<std::string>& faults);

  [[nodiscard]] bool empty() const noexcept { return keys_.empty(); }
  // Null when nobody has that key. Takes as long whichever it is.
  [[nodiscard]] Authenticator::PrincipalPtr find(std::string_view key) const;
  [[nodiscard]] Authenticator::PrincipalPtr named(std::string_view name) const;

 private:
  struct Key {
    Sha256 sha256{};
    Authenticator::PrincipalPtr service;
  };
  std::vector<Key> keys_;
};

}  // namespace crier::auth
