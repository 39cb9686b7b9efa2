// The client's half of the opening handshake (RFC 6455 section 4), and as much of HTTP/1.1 as publishing by it
// needs.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "tests/bench/load/frame_template.hpp"
#include "tests/bench/load/target.hpp"

namespace crier::bench {

// One key serves all connections of a run: it proves that the server speaks WebSocket, and is no secret.
struct HandshakeKey {
  std::string key;
  std::string accept;  // what the server must answer

  static HandshakeKey make();
};

[[nodiscard]] std::string upgrade_request(const Target& target, const FrameTemplate& path, const Variables& values,
                                          const HandshakeKey& key, bool deflate);

// The value of a header in a response head that ends with its last header's "\r\n"; "" without it. `name` in
// lower case.
[[nodiscard]] std::string header_of(const std::string& head, std::string_view name);

// What the server agreed to.
struct Compression {
  bool no_context_takeover = false;
  int window_bits = 15;
};
[[nodiscard]] std::optional<Compression> agreed_compression(const std::string& head);

// A POST (or what the target says) that publishes, with its body.
void append_publish_request(std::string& out, const Target& target, const Variables& values, std::string_view body);

struct HttpResponse {
  std::string head;
  std::size_t end = 0;  // position behind the body
};
// The response that starts at `at`, once it is complete.
[[nodiscard]] std::optional<HttpResponse> http_response(const std::string& text, std::size_t at);

}  // namespace crier::bench
