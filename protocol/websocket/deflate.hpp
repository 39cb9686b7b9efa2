// RFC 7692 permessage-deflate: negotiation and codec.
//
// We never keep a compression context between messages, in either direction: the answer always holds
// server_no_context_takeover and client_no_context_takeover (7.1.1.2 allows a server to add the
// latter). So one compressed copy of a message serves every subscriber with the same window, one
// Deflater and one Inflater serve a whole thread, and an idle connection costs nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace crier::websocket {

// The two windows in which we compress. An offer below 15 gets `small` when that fits the offer (9 bits
// and up; zlib's raw deflate cannot do 8, so such an offer is declined).
enum class DeflateWindow : std::uint8_t { full, small };
inline constexpr int full_window_bits = 15;
inline constexpr int small_window_bits = 9;

// What an accepted offer leaves open. Both no_context_takeover parameters are in every answer.
// client_max_window_bits is in none: our inflater has the full window, so whatever the client uses suits
// us, and 7.1.2.2 lets a server leave the parameter out whether it was offered or not.
struct DeflateAgreement {
  DeflateWindow window = DeflateWindow::full;
  std::optional<int> server_max_window_bits;  // the window in bits, in the answer when the client offered it

  friend bool operator==(const DeflateAgreement&, const DeflateAgreement&) = default;
};

// Chooses the first acceptable offer of a Sec-WebSocket-Extensions header (all its values joined by
// ", "). nullopt: none acceptable, go on without compression; an offer with an unknown, repeated or
// ill-valued parameter is just not acceptable (7.1: decline). `malformed` is set when the header breaks
// RFC 6455 9.1's grammar, wherever that is: then the handshake fails. Empty list elements are no breach
// (the # rule allows them), a list without any extension is.
struct DeflateNegotiation {
  std::optional<DeflateAgreement> agreement;
  bool malformed = false;
};
[[nodiscard]] DeflateNegotiation negotiate_deflate(std::string_view extensions);

// The answer's Sec-WebSocket-Extensions value.
[[nodiscard]] std::string extension_header(const DeflateAgreement& agreement);

// The client's end. What we offer: a server that accepts it keeps no context either (7.1.1.1), so that the
// Inflater below reads whatever it sends.
inline constexpr std::string_view deflate_offer =
    "permessage-deflate; server_no_context_takeover; client_no_context_takeover";

// Is an answer's Sec-WebSocket-Extensions value (all its values joined by ", ") an acceptance of that offer,
// and nothing else? Where it is not, the connection must fail (7.1: a parameter that does not fit the offer).
[[nodiscard]] bool accepts_deflate_offer(std::string_view extensions);

// Compresses whole messages, each by itself. One a thread. Not thread-safe.
class Deflater {
 public:
  explicit Deflater(int level);  // zlib's 1 to 9
  ~Deflater();
  Deflater(Deflater&&) noexcept;
  Deflater& operator=(Deflater&&) noexcept;
  // The payload of a compressed message (without the 00 00 FF FF tail, 7.2.1). The view is valid until
  // the next call. A message is below 4 GiB.
  [[nodiscard]] std::string_view compress(std::string_view message, DeflateWindow window);
  // What the output buffer holds now. It grows for a large message, and the next small one shrinks it.
  [[nodiscard]] std::size_t buffer_bytes() const;

 private:
  struct Streams;
  std::unique_ptr<Streams> streams_;
};

enum class InflateError : std::uint8_t { corrupt, too_big };

// Inflates whole messages, each by itself. One a thread. Not thread-safe.
class Inflater {
 public:
  Inflater();
  ~Inflater();
  Inflater(Inflater&&) noexcept;
  Inflater& operator=(Inflater&&) noexcept;
  // Inflates `payload` (all fragments of a message together, 7.2.2) into `out`, replacing it. Stops at
  // once when more than `message_bytes_max` would come out, whatever the ratio: a bomb makes `out` no
  // larger than the limit. After an error `out` is empty.
  [[nodiscard]] std::optional<InflateError> inflate(std::string_view payload, std::size_t message_bytes_max,
                                                    std::string& out);

 private:
  struct Stream;
  std::unique_ptr<Stream> stream_;
};

}  // namespace crier::websocket
