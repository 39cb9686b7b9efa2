#include "broker/net/gate.hpp"

#include "broker/config/address.hpp"
#include "protocol/base/check.hpp"

namespace crier::net {

AddressKey address_key(std::string_view address) {
  constexpr std::uint64_t v4_prefix = 0xFFFF'FFFF;
  const auto network = config::parse_network(address);
  if (!network) return AddressKey::none;
  std::uint64_t key = network->v6 ? 0 : v4_prefix;
  for (std::size_t at = 0; at < (network->v6 ? 8U : 4U); ++at) key = key << 8 | network->address[at];
  return AddressKey{key};
}

void Gate::configure(const config::Limits& limits) {
  per_address_max_.store(limits.connections_per_ip_max, std::memory_order_relaxed);
  connects_per_second_max_ = limits.connects_per_second_max;
}

bool Gate::take_connect(std::int64_t now_ms) {
  return connects_per_second_max_ == 0 || connects_.take(connects_per_second_max_, now_ms);
}

bool Gate::enter(AddressKey key) {
  if (key == AddressKey::none) return true;
  const std::size_t most = per_address_max_.load(std::memory_order_relaxed);
  const std::lock_guard lock(mutex_);
  std::size_t& count = connections_[key];
  if (most != 0 && count >= most) return false;
  ++count;
  return true;
}

void Gate::leave(AddressKey key) {
  if (key == AddressKey::none) return;
  const std::lock_guard lock(mutex_);
  const auto found = connections_.find(key);
  CRIER_ASSERT(found != connections_.end());
  if (--found->second == 0) connections_.erase(found);
}

}  // namespace crier::net
