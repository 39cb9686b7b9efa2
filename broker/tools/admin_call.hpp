// One request to a broker's administrative listener, as `crier drain` and `crier health` make it. Blocks.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

namespace crier::tools {

struct AdminAnswer {
  int status = 0;  // 0: none; `body` says why
  std::string body;
  bool nobody = false;  // listens there
};

// `address`: HOST:PORT, an IPv6 address in brackets. `time_max` is for all of it, names too.
[[nodiscard]] AdminAnswer ask_admin(const std::string& address, const std::string& request,
                                    std::chrono::milliseconds time_max);

// `key`: of a service that manages; "": none.
[[nodiscard]] std::string admin_request(std::string_view method, std::string_view path, const std::string& address,
                                        const std::string& key);

// Why it was refused: what a problem body says, or a line of text, for people.
[[nodiscard]] std::string reason_of(const AdminAnswer& answer);

}  // namespace crier::tools
