// The PROXY protocol, version 2, as haproxy's doc/proxy-protocol.txt (section 2.2) has it: who the client behind
// a load balancer is.
//
// Pure: no socket, no clock. Version 1 is text of unknown length that begins like a request; it is named, so that
// an operator finds the switch, and refused.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <variant>

namespace crier::proxy {

// Signature, version and command, family, length; addresses and TLVs follow.
inline constexpr std::size_t head_bytes = 16;
// Addresses take at most 216 bytes and what balancers tell of TLS a few hundred: more is no header.
inline constexpr std::size_t header_bytes_max = 4096;

enum class Family : std::uint8_t {
  none,  // nothing is known of the client: the socket's own address counts
  v4,
  v6,
  unix_socket,  // it came to the balancer over a socket in the file system
};

struct Source {
  Family family = Family::none;
  std::array<std::uint8_t, 16> address{};  // in network order; an IPv4 address is the first four bytes

  friend bool operator==(const Source&, const Source&) = default;
};

struct Header {
  bool local = false;  // the balancer speaks for itself, to see whether we live
  Source source;       // of a local one: none
  std::size_t bytes = 0;

  friend bool operator==(const Header&, const Header&) = default;
};

// At least so many bytes of the header, from its first one, are needed before it is worth asking again.
struct NeedMore {
  std::size_t bytes_min = 0;
};

enum class Fault : std::uint8_t {
  missing,  // something else: the client's own bytes
  version_1,
  version,  // the signature, and then no 2
  command,
  family,
  too_short,  // for the addresses that it says it has
  too_long,
  tlv,
  checksum,
};

using ParseStep = std::variant<NeedMore, Header, Fault>;

// `input` begins with the connection's first byte. A fault is told as soon as it is seen; a header only when all
// of it is there. Bytes behind it are not looked at.
[[nodiscard]] ParseStep parse_header(std::string_view input);

// A sentence for the log.
[[nodiscard]] std::string_view describe(Fault fault);

// Do these bytes, of whatever connection, begin a header of version 2? For an answer that says what is wrong.
[[nodiscard]] bool begins_header(std::string_view input);

}  // namespace crier::proxy
