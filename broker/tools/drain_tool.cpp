// `crier drain`: asks a running broker to end in good order, and waits until it has.
#include <array>
#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <nlohmann/json.hpp>

#include "broker/tools/admin_call.hpp"
#include "broker/tools/commands.hpp"
#include "broker/tools/input.hpp"
#include "broker/tools/options.hpp"

namespace crier::tools {

namespace {

using std::chrono::milliseconds;

constexpr std::array drain_options = {
    Option{"--admin", "HOST:PORT", "The broker's administrative listener (default: 127.0.0.1:9008)"},
    Option{"--key-file", "FILE", "The key of a service that manages; - reads standard input"},
    Option{"--no-wait", "", "Ask, and do not wait for the end"},
};

constexpr std::string_view drain_footer =
    "The broker takes no more connections, sends away those that it has over a while (server.drain_timeout at\n"
    "most), keeps its state where server.state_dir is set, and ends. The same as SIGTERM.\n"
    "\n"
    "Exit codes: 0 it has ended (--no-wait: it has begun to), 1 it was not reached, refused, or did not end in time,\n"
    "2 wrong options.\n";

constexpr Usage drain_usage{"crier drain", "[OPTIONS]", "End a running broker without losing anything", drain_options,
                            drain_footer};

constexpr milliseconds answer_time_max{10'000};
constexpr milliseconds look_every{100};
// Beyond what it said: to write a big state.
constexpr milliseconds grace{60'000};

// Until nobody listens there, or the process that comes after it answers. Whoever does not answer writes its state.
bool await_end(const std::string& address, milliseconds time_max) {
  const auto deadline = std::chrono::steady_clock::now() + time_max;
  const std::string question = admin_request("GET", "/readyz", address, "");
  while (std::chrono::steady_clock::now() < deadline) {
    const AdminAnswer answer = ask_admin(address, question, answer_time_max);
    if (answer.nobody || (answer.status != 0 && answer.body.find("draining") == std::string::npos)) return true;
    asio::io_context context;
    asio::steady_timer pause(context, look_every);
    pause.wait();
  }
  return false;
}

}  // namespace

const Usage& usage_of_drain() {
  return drain_usage;
}

Outcome drain(std::span<const std::string> arguments) {
  Options options;
  if (auto done = options.parse(drain_usage, arguments)) return std::move(*done);
  std::string address = options.one("--admin").value_or("127.0.0.1:9008");
  if (address.starts_with("http://")) address.erase(0, 7);
  if (address.ends_with('/')) address.pop_back();
  if (address.rfind(':') == std::string::npos) {
    return wrong_usage(drain_usage, "--admin: expected HOST:PORT, as 127.0.0.1:9008");
  }
  std::string key;
  if (const auto file = options.one("--key-file")) {
    auto text = read_input(*file);
    if (!text) return refused(drain_usage, "--key-file: " + *file + ": " + text.error().what);
    key = without_line_end(std::move(*text));
    if (key.find_first_of("\r\n") != std::string::npos) {
      return refused(drain_usage, "--key-file: " + *file + ": holds more than a line");
    }
  }
  const AdminAnswer begun = ask_admin(address, admin_request("POST", "/drain", address, key), answer_time_max);
  if (begun.status == 0) return refused(drain_usage, address + ": " + begun.body);
  if (begun.status != 202) return refused(drain_usage, address + ": " + reason_of(begun));
  const auto body = nlohmann::json::parse(begun.body, nullptr, /*allow_exceptions=*/false);
  if (!body.is_object() || !body.contains("connections") || !body.contains("at_most_ms")) {
    return refused(drain_usage, address + ": answers what no broker would");
  }
  const std::string connections = std::to_string(body["connections"].get<std::uint64_t>());
  if (options.has("--no-wait")) return {exit_done, "draining " + connections + " connections\n", ""};
  const auto since = std::chrono::steady_clock::now();
  if (!await_end(address, milliseconds(body["at_most_ms"].get<std::int64_t>()) + grace)) {
    return refused(drain_usage, address + ": still draining; a second SIGTERM ends it at once");
  }
  const auto took = std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - since);
  return {exit_done,
          "drained " + connections + " connections in " + std::to_string(took.count()) + " ms; the broker has ended\n",
          ""};
}

}  // namespace crier::tools
