#include "protocol/proxy/header_parser.hpp"

#include <algorithm>

namespace crier::proxy {

namespace {

using std::literals::operator""sv;
constexpr std::string_view signature = "\r\n\r\n\0\r\nQUIT\n"sv;
constexpr std::string_view version_1 = "PROXY ";

constexpr std::size_t v4_block_bytes = 2 * 4 + 2 * 2;  // two addresses, two ports
constexpr std::size_t v6_block_bytes = 2 * 16 + 2 * 2;
constexpr std::size_t unix_block_bytes = 2 * 108;
constexpr std::size_t tlv_head_bytes = 3;
constexpr std::uint8_t crc32c_type = 0x03;
constexpr std::size_t crc32c_bytes = 4;

constexpr std::array<std::uint32_t, 256> crc32c_table = [] {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t byte = 0; byte < table.size(); ++byte) {
    std::uint32_t value = byte;
    for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1) != 0 ? 0x82F63B78U : 0);
    table[byte] = value;
  }
  return table;
}();

// RFC 4960, appendix B. `crc` is the running value, all ones at the beginning, to be inverted at the end.
std::uint32_t add_to_crc(std::uint32_t crc, std::string_view bytes) {
  for (const char byte : bytes) crc = (crc >> 8) ^ crc32c_table[(crc ^ static_cast<std::uint8_t>(byte)) & 0xFF];
  return crc;
}

std::uint8_t byte_at(std::string_view bytes, std::size_t at) {
  return static_cast<std::uint8_t>(bytes[at]);
}

std::size_t big_endian_16(std::string_view bytes, std::size_t at) {
  return static_cast<std::size_t>(byte_at(bytes, at) << 8 | byte_at(bytes, at + 1));
}

// The checksum is one over the whole header, in which its own place holds zeros.
bool checksum_matches(std::string_view header, std::size_t at) {
  std::uint32_t told = 0;
  for (std::size_t i = 0; i < crc32c_bytes; ++i) told = told << 8 | byte_at(header, at + i);
  std::uint32_t crc = add_to_crc(~0U, header.substr(0, at));
  crc = add_to_crc(crc, "\0\0\0\0"sv);
  return told == ~add_to_crc(crc, header.substr(at + crc32c_bytes));
}

// Walks over what follows the addresses. True: there is nothing wrong.
bool check_tlvs(std::string_view header, std::size_t at, Fault& fault) {
  while (at < header.size()) {
    fault = Fault::tlv;
    if (header.size() - at < tlv_head_bytes) return false;
    const std::uint8_t type = byte_at(header, at);
    const std::size_t bytes = big_endian_16(header, at + 1);
    at += tlv_head_bytes;
    if (header.size() - at < bytes) return false;
    if (type == crc32c_type) {
      if (bytes != crc32c_bytes) return false;
      fault = Fault::checksum;
      if (!checksum_matches(header, at)) return false;
    }
    at += bytes;
  }
  return true;
}

ParseStep parse_whole(std::string_view header) {
  Header parsed;
  parsed.bytes = header.size();
  parsed.local = (byte_at(header, 12) & 0x0F) == 0;
  if (parsed.local) return parsed;  // family, addresses and the rest are to be ignored

  std::size_t block = 0;
  switch (byte_at(header, 13)) {
    case 0x11: parsed.source.family = Family::v4, block = v4_block_bytes; break;
    case 0x21: parsed.source.family = Family::v6, block = v6_block_bytes; break;
    case 0x31: parsed.source.family = Family::unix_socket, block = unix_block_bytes; break;
    default: return parsed;  // UNSPEC: what follows has no known shape
  }
  if (header.size() < head_bytes + block) return Fault::too_short;
  const std::size_t address_bytes =
      parsed.source.family == Family::v4 ? 4 : (parsed.source.family == Family::v6 ? 16 : 0);
  for (std::size_t i = 0; i < address_bytes; ++i) parsed.source.address[i] = byte_at(header, head_bytes + i);
  Fault fault = Fault::tlv;
  if (!check_tlvs(header, head_bytes + block, fault)) return fault;
  return parsed;
}

}  // namespace

ParseStep parse_header(std::string_view input) {
  const std::size_t signed_bytes = std::min(input.size(), signature.size());
  if (input.substr(0, signed_bytes) != signature.substr(0, signed_bytes)) {
    const std::size_t compared = std::min(input.size(), version_1.size());
    if (input.substr(0, compared) != version_1.substr(0, compared)) return Fault::missing;
    if (compared == version_1.size()) return Fault::version_1;
    return NeedMore{version_1.size()};
  }
  if (input.size() > 12 && byte_at(input, 12) >> 4 != 2) return Fault::version;
  if (input.size() > 12 && (byte_at(input, 12) & 0x0F) > 1) return Fault::command;
  if (input.size() > 13 && (byte_at(input, 12) & 0x0F) == 1) {
    // Streams, or nothing known. A datagram cannot have come this way.
    const std::uint8_t family = byte_at(input, 13);
    if (family != 0x00 && family != 0x11 && family != 0x21 && family != 0x31) return Fault::family;
  }
  if (input.size() < head_bytes) return NeedMore{head_bytes};
  const std::size_t bytes = head_bytes + big_endian_16(input, 14);
  if (bytes > header_bytes_max) return Fault::too_long;
  if (input.size() < bytes) return NeedMore{bytes};
  return parse_whole(input.substr(0, bytes));
}

bool begins_header(std::string_view input) {
  return input.starts_with(signature);
}

std::string_view describe(Fault fault) {
  switch (fault) {
    case Fault::missing: return "no PROXY header came first";
    case Fault::version_1: return "the PROXY header is of version 1: let the load balancer send version 2";
    case Fault::version: return "the PROXY header is of a version that nobody knows";
    case Fault::command: return "the PROXY header's command is neither LOCAL nor PROXY";
    case Fault::family: return "the PROXY header's addresses are of no stream";
    case Fault::too_short: return "the PROXY header is too short for its addresses";
    case Fault::too_long: return "the PROXY header is longer than 4096 bytes";
    case Fault::tlv: return "a field of the PROXY header does not fit into it";
    case Fault::checksum: return "the PROXY header's checksum is wrong";
  }
  __builtin_unreachable();
}

}  // namespace crier::proxy
