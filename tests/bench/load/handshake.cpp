#include "tests/bench/load/handshake.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>

#include "tests/bench/load/clock.hpp"
#include "tests/bench/load/random.hpp"
#include "tests/bench/load/text.hpp"

namespace crier::bench {

namespace {

std::string base64(const unsigned char* data, std::size_t n) {
  std::string out(4 * ((n + 2) / 3) + 1, '\0');
  const int size = ::EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()), data, static_cast<int>(n));
  out.resize(static_cast<std::size_t>(size));
  return out;
}

}  // namespace

HandshakeKey HandshakeKey::make() {
  HandshakeKey made;
  std::array<unsigned char, 16> raw{};
  Random random{static_cast<std::uint64_t>(now_ns())};
  for (auto& byte : raw) byte = static_cast<unsigned char>(random.next());
  made.key = base64(raw.data(), raw.size());
  const std::string joined = made.key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  ::EVP_Digest(joined.data(), joined.size(), digest.data(), &size, ::EVP_sha1(), nullptr);
  made.accept = base64(digest.data(), size);
  return made;
}

std::string upgrade_request(const Target& target, const FrameTemplate& path, const Variables& values,
                            const HandshakeKey& key, bool deflate) {
  std::string out = "GET " + path.render(values) + " HTTP/1.1\r\nHost: " + target.host + ":" +
                    std::to_string(target.port) +
                    "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                    "Sec-WebSocket-Key: " +
                    key.key + "\r\n";
  if (!target.subprotocol.empty()) out += "Sec-WebSocket-Protocol: " + target.subprotocol + "\r\n";
  if (deflate) out += "Sec-WebSocket-Extensions: permessage-deflate; client_no_context_takeover\r\n";
  for (const std::string& header : target.headers) out += header + "\r\n";
  out += "\r\n";
  return out;
}

std::string header_of(const std::string& head, std::string_view name) {
  const std::size_t found = lower(head).find("\r\n" + std::string(name) + ":");
  if (found == std::string::npos) return "";
  const std::size_t value = found + 3 + name.size();
  return trim(std::string_view(head).substr(value, head.find("\r\n", value) - value));
}

std::optional<Compression> agreed_compression(const std::string& head) {
  constexpr std::string_view bits_key = "server_max_window_bits=";
  const std::string extensions = lower(header_of(head, "sec-websocket-extensions"));
  if (extensions.find("permessage-deflate") == std::string::npos) return std::nullopt;
  Compression agreed;
  agreed.no_context_takeover = extensions.find("server_no_context_takeover") != std::string::npos;
  const std::size_t bits = extensions.find(bits_key);
  if (bits != std::string::npos) {
    agreed.window_bits = std::clamp(std::atoi(extensions.c_str() + bits + bits_key.size()), 9, 15);
  }
  return agreed;
}

void append_publish_request(std::string& out, const Target& target, const Variables& values, std::string_view body) {
  out += target.http_method;
  out += ' ';
  target.http_path.render_to(out, values);
  out += " HTTP/1.1\r\nHost: " + target.host + ":" + std::to_string(target.port) +
         "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n";
  for (const std::string& header : target.http_headers) out += header + "\r\n";
  out += "\r\n";
  out += body;
}

std::optional<HttpResponse> http_response(const std::string& text, std::size_t at) {
  const std::size_t end = text.find("\r\n\r\n", at);
  if (end == std::string::npos) return std::nullopt;
  HttpResponse response{text.substr(at, end + 2 - at), 0};
  const std::size_t body = end + 4;
  if (lower(header_of(response.head, "transfer-encoding")) == "chunked") {
    constexpr std::string_view last_chunk = "0\r\n\r\n";
    const std::size_t last = text.find(last_chunk, body);
    if (last == std::string::npos) return std::nullopt;
    response.end = last + last_chunk.size();
  } else {
    const std::string length = header_of(response.head, "content-length");
    response.end = body + static_cast<std::size_t>(std::atoll(length.c_str()));
    if (text.size() < response.end) return std::nullopt;
  }
  return response;
}

}  // namespace crier::bench
