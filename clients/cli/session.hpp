// What the commands that hold a connection share: how it is made, what is said about it, and when it is the end.
#pragma once

#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <crier/message.hpp>
#include <crier/options.hpp>
#include <crier/result.hpp>
#include <functional>
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
  // `give_up` is called from the loop when there was no connection within `wait`, even if somebody is being asked.
  Watch(asio::io_context& context, const config::Usage& usage, std::chrono::milliseconds wait,
        std::function<void(Farewell)> give_up);

  // Says on standard error what has changed; answers how to end, where this is the end.
  [[nodiscard]] std::optional<Farewell> take(const client::StateChange& change);
  // How often it was connected.
  [[nodiscard]] std::uint64_t connections() const { return connections_; }
  // Was the last that was heard of it an attempt? Then the lookup of a name may go on for long.
  [[nodiscard]] bool connecting() const { return connecting_; }

 private:
  const config::Usage& usage_;
  std::chrono::steady_clock::time_point patience_ends_;
  asio::steady_timer patience_;
  std::uint64_t connections_ = 0;
  bool connecting_ = false;
  std::optional<client::Error> last_;  // why the last attempt failed
};

}  // namespace crier::cli
