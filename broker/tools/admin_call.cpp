#include "broker/tools/admin_call.hpp"

#include <algorithm>
#include <asio/connect.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/read.hpp>
#include <asio/write.hpp>
#include <cstdlib>
#include <nlohmann/json.hpp>

namespace crier::tools {

namespace {

// What we ask for answers with a few hundred bytes; whoever else listens there may talk for ever.
constexpr std::size_t answer_bytes_max = std::size_t{64} * 1024;
constexpr std::size_t reason_bytes_max = 200;

}  // namespace

AdminAnswer ask_admin(const std::string& address, const std::string& request, std::chrono::milliseconds time_max) {
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
    asio::async_read(socket, asio::dynamic_buffer(received, answer_bytes_max),
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
  context.run_for(time_max);
  // Who ends in the middle of a long state closes no connection before, but has answered.
  const bool answered = received.find("\r\n\r\n") != std::string::npos;
  if (outcome && outcome != asio::error::eof && !answered) {
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

std::string admin_request(std::string_view method, std::string_view path, const std::string& address,
                          const std::string& key) {
  std::string request = std::string(method) + " " + std::string(path) + " HTTP/1.1\r\nHost: " + address +
                        "\r\nConnection: close\r\nContent-Length: 0\r\n";
  if (!key.empty()) request += "Authorization: Bearer " + key + "\r\n";
  return request + "\r\n";
}

std::string reason_of(const AdminAnswer& answer) {
  const auto body = nlohmann::json::parse(answer.body, nullptr, /*allow_exceptions=*/false);
  if (body.is_object() && body.contains("detail") && body["detail"].is_string()) {
    return body["detail"].get<std::string>();
  }
  // Of a stranger's page nothing reaches the terminal but plain text.
  std::string line = answer.body.substr(0, answer.body.find('\n'));
  const bool plain = std::ranges::all_of(line, [](char c) { return c >= ' ' && c <= '~'; });
  if (plain && !line.empty() && line.size() <= reason_bytes_max && line.front() != '<') return line;
  return "it answered " + std::to_string(answer.status);
}

}  // namespace crier::tools
