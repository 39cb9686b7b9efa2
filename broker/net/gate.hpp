// Who may come in, beside the number of all: how many connections one address has, how many connects a second brings.
// One for all listeners and loops; owner: the server.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <string_view>

#include "broker/config/config.hpp"
#include "broker/runtime/pace.hpp"

namespace crier::net {

// Those who count as one: an IPv4 address; the /64 of an IPv6 address, of which one host has as many as it likes.
// The upper half of an IPv6 address, or an IPv4 one within ff00::/8, which is nobody's.
enum class AddressKey : std::uint64_t { none = 0xFF00'0000'0000'0000 };

// `address` as of Connection::peer_address or client_address; `none` for what is no IP address.
[[nodiscard]] AddressKey address_key(std::string_view address);

class Gate {
 public:
  explicit Gate(const config::Limits& limits) { configure(limits); }

  // The accepting thread. A reload ends nobody: where fewer are allowed than are there, no more come in.
  void configure(const config::Limits& limits);
  // The accepting thread: false when this second has brought limits.connects_per_second_max already.
  [[nodiscard]] bool take_connect(std::int64_t now_ms);

  // Any thread. False: the address has limits.connections_per_ip_max, and this one was not counted.
  // Those are counted without a limit too, for a reload may bring one. `none` is let in, and not counted.
  [[nodiscard]] bool enter(AddressKey key);
  // Any thread: for each that was counted.
  void leave(AddressKey key);

 private:
  std::atomic<std::size_t> per_address_max_{0};
  std::size_t connects_per_second_max_ = 0;
  runtime::BasicPace<1> connects_;
  // Connections come and go here, never messages: one lock, held for a look-up. In order, since strangers choose what
  // they come from, and a hash could be made to collide.
  std::mutex mutex_;
  std::map<AddressKey, std::size_t> connections_;
};

}  // namespace crier::net
