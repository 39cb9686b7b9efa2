// What the commands that hold a connection share: how it is made, what is said about it, and when it is the end.
#pragma once

#include <chrono>
#include <crier/message.hpp>
#include <crier/options.hpp>
#include <crier/result.hpp>
#include <optional>
#include <string>

#include "clients/cli/link.hpp"
#include "protocol/base/result.hpp"

namespace crier::cli {

// How a command ends.
struct Farewell {
  int exit_code = 0;
  std::string text;  // for standard error; "": nothing
};

// For the library. A token file is read again whenever a token is wanted, so that whoever writes it may refresh it.
[[nodiscard]] Result<client::Options, Fault> client_options(const Link& link, const config::Usage& usage);

[[nodiscard]] int exit_code_of(const client::Error& error);

// At the start a failure is the end, unless there is time to wait; later the link comes back by itself.
inline constexpr config::Option wait_option{"--wait", "TIME",
                                            "At the start, try to connect for so long (default: once)"};

class Watch {
 public:
  Watch(const config::Usage& usage, std::chrono::milliseconds wait)
      : usage_(usage), patience_ends_(std::chrono::steady_clock::now() + wait) {}

  // Says on standard error what has changed; answers how to end, where this is the end.
  [[nodiscard]] std::optional<Farewell> take(const client::StateChange& change);
  // How often it was connected.
  [[nodiscard]] std::uint64_t connections() const { return connections_; }

 private:
  const config::Usage& usage_;
  std::chrono::steady_clock::time_point patience_ends_;
  std::uint64_t connections_ = 0;
};

}  // namespace crier::cli
