// `crier drain`: asks a running broker to end in good order, and waits until it has.
#include <array>
#include <asio/connect.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/read.hpp>
#include <asio/steady_timer.hpp>
#include <asio/write.hpp>
#include <chrono>
#include <nlohmann/json.hpp>

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

struct Answer {
  int status = 0;  // 0: none; `body` says why
  std::string body;
  bool nobody = false;  // listens there
};

// One request, one answer, then the end: no more of HTTP is needed here.
Answer ask(const std::string& address, const std::string& request) {
  const std::size_t colon = address.rfind(':');
  if (colon == std::string::npos) return {0, "is no HOST:PORT"};
  std::string host = address.substr(0, colon);
  if (host.size() > 2 && host.front() == '[') host = host.substr(1, host.size() - 2);
  asio::io_context context;
  asio::ip::tcp::resolver resolver(context);
  asio::ip::tcp::socket socket(context);
  std::string received;
  asio::error_code outcome = asio::error::timed_out;
  const auto finish = [&](const asio::error_code& error) { outcome = error; };
  const auto read = [&](const asio::error_code& error, std::size_t /*sent*/) {
    if (error) return finish(error);
    asio::async_read(socket, asio::dynamic_buffer(received),
                     [&](const asio::error_code& end, std::size_t /*got*/) { finish(end); });
  };
  const auto write = [&](const asio::error_code& error, const asio::ip::tcp::endpoint& /*where*/) {
    if (error) return finish(error);
    asio::async_write(socket, asio::buffer(request), read);
  };
  resolver.async_resolve(host, address.substr(colon + 1), [&](const asio::error_code& error, const auto& places) {
    if (error) return finish(error);
    asio::async_connect(socket, places, write);
  });
  context.run_for(answer_time_max);
  // Who ends in the middle of a long state closes no connection before, but has answered.
  const bool answered = received.find("\r\n\r\n") != std::string::npos;
  if (outcome != asio::error::eof && !answered) {
    return {0, outcome.message(), outcome == asio::error::connection_refused};
  }
  // "HTTP/1.1 202 Accepted"
  const std::size_t space = received.find(' ');
  const std::size_t body = received.find("\r\n\r\n");
  if (!received.starts_with("HTTP/1.") || space == std::string::npos || body == std::string::npos) {
    return {0, "does not speak HTTP: is that the administrative listener?"};
  }
  return {std::atoi(received.c_str() + space), received.substr(body + 4)};
}

std::string request_of(std::string_view method, std::string_view path, const std::string& address,
                       const std::string& key) {
  std::string request = std::string(method) + " " + std::string(path) + " HTTP/1.1\r\nHost: " + address +
                        "\r\nConnection: close\r\nContent-Length: 0\r\n";
  if (!key.empty()) request += "Authorization: Bearer " + key + "\r\n";
  return request + "\r\n";
}

// What a problem body says, for people.
std::string reason_of(const Answer& answer) {
  const auto body = nlohmann::json::parse(answer.body, nullptr, /*allow_exceptions=*/false);
  if (body.is_object() && body.contains("detail") && body["detail"].is_string()) {
    return body["detail"].get<std::string>();
  }
  return "it answered " + std::to_string(answer.status);
}

// Until nobody listens there, or the process that comes after it answers. Whoever does not answer writes its state.
bool await_end(const std::string& address, milliseconds time_max) {
  const auto deadline = std::chrono::steady_clock::now() + time_max;
  const std::string question = request_of("GET", "/readyz", address, "");
  while (std::chrono::steady_clock::now() < deadline) {
    const Answer answer = ask(address, question);
    if (answer.nobody || (answer.status != 0 && answer.body.find("draining") == std::string::npos)) return true;
    asio::io_context context;
    asio::steady_timer pause(context, look_every);
    pause.wait();
  }
  return false;
}

}  // namespace

Outcome drain(std::span<const std::string> arguments) {
  Options options;
  if (auto done = options.parse(drain_usage, arguments)) return std::move(*done);
  const std::string address = options.one("--admin").value_or("127.0.0.1:9008");
  std::string key;
  if (const auto file = options.one("--key-file")) {
    auto text = read_input(*file);
    if (!text) return refused(drain_usage, "--key-file: " + *file + ": " + text.error().what);
    key = without_line_end(std::move(*text));
    if (key.find_first_of("\r\n") != std::string::npos) {
      return refused(drain_usage, "--key-file: " + *file + ": holds more than a line");
    }
  }
  const Answer begun = ask(address, request_of("POST", "/drain", address, key));
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
