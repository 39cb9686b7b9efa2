// The broker of a run: where it is, and how to speak to it. Found once; then never changed, and read by every thread.
#pragma once

#include <sys/socket.h>

#include <optional>
#include <string>

#include "clients/cli/bench/failure.hpp"
#include "clients/cli/bench/options.hpp"
#include "clients/cpp/tls_context.hpp"
#include "clients/cpp/url.hpp"
#include "protocol/base/result.hpp"

namespace crier::cli::benchmark {

struct Address {
  sockaddr_storage bytes{};
  socklen_t size = 0;

  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&bytes); }
};

struct Target {
  client::Url url;
  Address address;
  std::optional<client::TlsContext> tls;
  std::string authorization;  // the header's value; "": none

  // Of the n-th connection, where it needs one: a source address has some 28,000 ports, and on loopback there are more
  // addresses. Nothing: the kernel chooses.
  [[nodiscard]] std::optional<Address> source_of(std::uint32_t connection) const;
};

// Looks the name up and asks which of its addresses answers; blocks for seconds where none does. The failures are
// usage (a URL that is none) and unreachable.
[[nodiscard]] Result<Target, Failure> find_target(const Options& options);

}  // namespace crier::cli::benchmark
