#include "broker/auth/service_keys.hpp"

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <algorithm>
#include <span>
#include <utility>

#include "protocol/command/base64url.hpp"

namespace crier::auth {

namespace {

constexpr std::size_t key_random_bytes = 32;

Grants read_grants(const std::string& service, std::string_view right, std::span<const std::string> items,
                   std::vector<std::string>& faults) {
  auto grants = Grants::parse(items);
  if (grants) return std::move(*grants);
  faults.push_back("auth.service_key." + std::string(right) + ": of the key " + service + ": " + grants.error());
  return {};
}

}  // namespace

std::string new_service_key() {
  std::string bytes(key_random_bytes, '\0');
  const int done = RAND_priv_bytes(reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
  CRIER_ASSERT(done == 1);
  return "crier_" + command::encode_base64url(bytes);
}

ServiceKeys::ServiceKeys(const std::vector<config::ServiceKey>& settings, std::vector<std::string>& faults) {
  for (const config::ServiceKey& setting : settings) {
    for (const Key& other : keys_) {
      if (other.service->name == setting.name) {
        faults.push_back("auth.service_key.name: two keys are called " + setting.name + "; each needs its own name");
      } else if (other.sha256 == setting.sha256) {
        faults.push_back("auth.service_key.sha256: " + other.service->name + " and " + setting.name +
                         " have the same key; each service needs its own");
      }
    }
    auto service = std::make_shared<Principal>();
    service->kind = Principal::Kind::service;
    service->name = setting.name;
    service->manage = setting.manage;
    service->key_id = key_id_of(setting.sha256);
    const auto grant = [&](Right right, std::string_view name, std::span<const std::string> items) {
      service->grants[static_cast<std::size_t>(right)] = read_grants(setting.name, name, items, faults);
    };
    grant(Right::subscribe, "subscribe", setting.subscribe);
    grant(Right::publish, "publish", setting.publish);
    grant(Right::history, "history", setting.history);
    grant(Right::presence, "presence", setting.presence);
    keys_.push_back({setting.sha256, std::move(service)});
  }
}

Authenticator::PrincipalPtr ServiceKeys::find(std::string_view key) const {
  const Sha256 digest = sha256_of(key);
  const Key* found = nullptr;
  for (const Key& candidate : keys_) {
    if (CRYPTO_memcmp(candidate.sha256.data(), digest.data(), digest.size()) == 0) found = &candidate;
  }
  return found == nullptr ? nullptr : found->service;
}

Authenticator::PrincipalPtr ServiceKeys::named(std::string_view name) const {
  const auto found = std::ranges::find_if(keys_, [&](const Key& key) { return key.service->name == name; });
  return found == keys_.end() ? nullptr : found->service;
}

}  // namespace crier::auth
