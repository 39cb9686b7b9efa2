// One question to a broker's administrative listener. Thread: the context's.
#pragma once

#include <asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <string>

#include "clients/cli/link.hpp"
#include "protocol/base/result.hpp"

namespace crier::cli {

struct AdminPlace {
  std::string host;  // without the brackets of an IPv6 address
  std::string port;
  std::string authority;  // "127.0.0.1:9008"
};

// "http://HOST:PORT", with or without "http://" and "/"; the fault says what was expected.
[[nodiscard]] Result<AdminPlace, Fault> parse_admin(std::string_view text);

struct AdminAnswer {
  int status = 0;  // 0: there is none, and `fault` says why
  std::string body;
  std::string fault;  // a sentence without its end
};

// Calls `done` once, from the context, after `time_max` at the latest. `key`: a service's, "" for none.
void ask_admin(asio::io_context& context, const AdminPlace& place, const std::string& path, const std::string& key,
               std::chrono::milliseconds time_max, std::function<void(AdminAnswer)> done);

}  // namespace crier::cli
