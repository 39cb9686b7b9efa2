// Any input is an offer, a compressed payload and a message. Properties: an agreement's answer is acceptable to
// the offer and means what was agreed; inflating keeps its limit, and a larger limit changes nothing but that; what
// was compressed inflates to the same bytes.
#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>

#include "protocol/base/check.hpp"
#include "protocol/websocket/deflate.hpp"

namespace {

using namespace crier::websocket;

constexpr std::size_t message_bytes_max = 4096;

// The largest N of "server_max_window_bits=N" in the text, quoted or not; 0: none. Coarse on purpose: it shares
// nothing with the parser.
int widest_window_offered(std::string_view text) {
  constexpr std::string_view name = "server_max_window_bits";
  int widest = 0;
  for (auto at = text.find(name); at != text.npos; at = text.find(name, at + 1)) {
    std::string digits;
    for (std::size_t i = at + name.size(); i < text.size() && text[i] != ',' && text[i] != ';'; ++i) {
      if (text[i] >= '0' && text[i] <= '9') digits += text[i];
    }
    int bits = 0;
    const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), bits);
    if (parsed.ec == std::errc()) widest = std::max(widest, bits);
  }
  return widest;
}

void check_negotiation(std::string_view offer) {
  const DeflateNegotiation negotiation = negotiate_deflate(offer);
  CRIER_ASSERT(!(negotiation.malformed && negotiation.agreement));
  if (!negotiation.agreement) return;
  const DeflateAgreement& agreement = *negotiation.agreement;
  const int bits = agreement.window == DeflateWindow::full ? full_window_bits : small_window_bits;
  CRIER_ASSERT(offer.find("permessage-deflate") != offer.npos);
  CRIER_ASSERT(!agreement.server_max_window_bits || *agreement.server_max_window_bits == bits);
  CRIER_ASSERT(!agreement.server_max_window_bits || bits <= widest_window_offered(offer));
  CRIER_ASSERT(agreement.server_max_window_bits || agreement.window == DeflateWindow::full);
  const DeflateNegotiation again = negotiate_deflate(extension_header(agreement));
  CRIER_ASSERT(again.agreement == agreement);
}

void check_inflation(std::string_view payload) {
  static Inflater inflater;
  std::string out;
  const auto error = inflater.inflate(payload, message_bytes_max, out);
  CRIER_ASSERT(out.size() <= message_bytes_max && out.capacity() <= message_bytes_max);
  CRIER_ASSERT(!error || out.empty());
  std::string more;
  const auto with_room = inflater.inflate(payload, 16 * message_bytes_max, more);
  if (error != InflateError::too_big) CRIER_ASSERT(with_room == error && more == out);
  if (error == InflateError::too_big && !with_room) CRIER_ASSERT(more.size() > message_bytes_max);
  if (error || out.empty()) return;
  CRIER_ASSERT(inflater.inflate(payload, out.size() - 1, more) == InflateError::too_big);
}

void check_round_trip(std::string_view message) {
  static std::array<Deflater, 3> deflaters = {Deflater(1), Deflater(6), Deflater(9)};
  static Inflater inflater;
  std::string out;
  for (Deflater& deflater : deflaters) {
    for (const DeflateWindow window : {DeflateWindow::full, DeflateWindow::small}) {
      const std::string_view payload = deflater.compress(message, window);
      CRIER_ASSERT(!payload.empty());
      CRIER_ASSERT(inflater.inflate(payload, message.size(), out) == std::nullopt);
      CRIER_ASSERT(out == message);
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  check_negotiation(input);
  check_inflation(input);
  check_round_trip(input);
  return 0;
}
