#include "tests/integration/load/connection.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <utility>

namespace crier::load {

namespace {

constexpr std::size_t read_bytes = 256 * 1024;
constexpr std::uint8_t final_text = 0x81;
constexpr std::uint8_t final_close = 0x88;
constexpr std::uint8_t final_ping = 0x89;
constexpr std::uint8_t final_pong = 0x8A;
constexpr std::uint8_t mask_bit = 0x80;

void append_frame(std::string& out, std::uint8_t first, std::string_view payload) {
  out += static_cast<char>(first);
  if (payload.size() < 126) {
    out += static_cast<char>(mask_bit | payload.size());
  } else if (payload.size() < 65536) {
    out += static_cast<char>(mask_bit | 126);
    out += static_cast<char>(payload.size() >> 8);
    out += static_cast<char>(payload.size() & 0xFF);
  } else {
    out += static_cast<char>(mask_bit | 127);
    for (int shift = 56; shift >= 0; shift -= 8) out += static_cast<char>((payload.size() >> shift) & 0xFF);
  }
  out.append(4, '\0');
  out += payload;
}

// One server frame at the front of `wire`: its size with the head, 0 when it is not whole yet.
std::size_t frame_at(std::string_view wire, std::uint8_t& first, std::string_view& payload) {
  if (wire.size() < 2) return 0;
  first = static_cast<std::uint8_t>(wire[0]);
  std::size_t length = static_cast<std::uint8_t>(wire[1]);
  std::size_t head = 2;
  if (length >= 126) {
    const std::size_t extra = length == 126 ? 2 : 8;
    if (wire.size() < head + extra) return 0;
    length = 0;
    for (std::size_t i = 0; i < extra; ++i) length = length << 8 | static_cast<std::uint8_t>(wire[head + i]);
    head += extra;
  }
  if (wire.size() - head < length) return 0;
  payload = wire.substr(head, length);
  return head + length;
}

sockaddr_in loopback(unsigned last, std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(0x7F000000U | last);
  address.sin_port = htons(port);
  return address;
}

}  // namespace

void append_text_frame(std::string& out, std::string_view text) {
  append_frame(out, final_text, text);
}

Connection::Connection(std::uint16_t port, unsigned source, std::string_view target, OnText on_text)
    : descriptor_(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)), on_text_(std::move(on_text)) {
  if (descriptor_ < 0) {
    std::perror("socket");
    std::exit(2);
  }
  const int yes = 1;
  ::setsockopt(descriptor_, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  // The kernel chooses the port at connect, when it knows both ends: otherwise ports run out early.
  ::setsockopt(descriptor_, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &yes, sizeof yes);
  const sockaddr_in from = loopback(source, 0);
  const sockaddr_in to = loopback(1, port);
  if (::bind(descriptor_, reinterpret_cast<const sockaddr*>(&from), sizeof from) != 0 ||
      (::connect(descriptor_, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0 && errno != EINPROGRESS)) {
    end(1006);
    return;
  }
  out_ = "GET " + std::string(target) + " HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(port) +
         "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
         "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
}

Connection::~Connection() {
  end(1006);
}

void Connection::end(std::uint16_t code) {
  if (close_code_ == 0) close_code_ = code;
  phase_ = Phase::closed;
  if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
}

void Connection::leave(Leave how) {
  if (phase_ == Phase::closed) return;
  if (how == Leave::close_frame) {
    leaving_ = true;
    append_frame(out_, final_close, std::string_view("\x03\xE8", 2));  // 1000
    return;
  }
  if (how == Leave::reset) {
    const linger at_once{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  }
  end(1005);
}

void Connection::on_writable() {
  if (phase_ == Phase::connecting) {
    int error = 0;
    socklen_t size = sizeof error;
    ::getsockopt(descriptor_, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) return end(1006);
    phase_ = Phase::upgrading;
  }
  while (unsent() > 0) {
    const ssize_t n = ::send(descriptor_, out_.data() + sent_, unsent(), MSG_NOSIGNAL);
    if (n < 0) {
      if (errno == EINTR) continue;
      // A close frame may still lie in the receive buffer: the reading side finds out how it ended.
      break;
    }
    sent_ += static_cast<std::size_t>(n);
  }
  if (unsent() == 0) {
    out_.clear();
    sent_ = 0;
  } else if (sent_ > 64 * 1024) {
    out_.erase(0, std::exchange(sent_, 0));
  }
}

void Connection::on_readable() {
  static thread_local std::array<char, read_bytes> scratch;
  const ssize_t n = ::recv(descriptor_, scratch.data(), scratch.size(), 0);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n <= 0) return end(1006);
  in_.append(scratch.data(), static_cast<std::size_t>(n));
  if (phase_ == Phase::upgrading) take_head();
  if (phase_ == Phase::open) take_frames();
}

void Connection::take_head() {
  const std::size_t end_of_head = in_.find("\r\n\r\n");
  if (end_of_head == std::string::npos) return;
  if (!in_.starts_with("HTTP/1.1 101 ")) {
    std::fprintf(stderr, "no upgrade: %s\n", in_.substr(0, in_.find('\r')).c_str());
    return end(1006);
  }
  in_.erase(0, end_of_head + 4);
  phase_ = Phase::open;
}

void Connection::take_frames() {
  std::size_t taken = 0;
  std::uint8_t first = 0;
  std::string_view payload;
  while (phase_ == Phase::open) {
    const std::size_t size = frame_at(std::string_view(in_).substr(taken), first, payload);
    if (size == 0) break;
    taken += size;
    if (first == final_text) {
      on_text_(*this, payload);
    } else if (first == final_ping) {
      append_frame(out_, final_pong, payload);
    } else if (first == final_close) {
      const bool has_code = payload.size() >= 2;
      close_code_ = has_code ? static_cast<std::uint16_t>(static_cast<std::uint8_t>(payload[0]) << 8 |
                                                          static_cast<std::uint8_t>(payload[1]))
                             : std::uint16_t{1005};
      if (!leaving_) append_frame(out_, final_close, payload);
      on_writable();
    } else if (first != final_pong) {
      std::fprintf(stderr, "unexpected frame, first byte %02x\n", unsigned{first});
      end(1002);
    }
  }
  in_.erase(0, taken);
  if (in_.empty() && in_.capacity() > 4096) in_.shrink_to_fit();
}

}  // namespace crier::load
