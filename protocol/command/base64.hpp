// Standard base64 with its padding (RFC 4648 section 4): how bytes look to those who read JSON.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

namespace crier::command {

// Padded, and the unused bits of the last digit are 0 (section 3.5): one encoding only, so that the same bytes
// look the same to every subscriber.
[[nodiscard]] bool is_base64(std::string_view text);

// Writes base64 behind what `out` holds. The bytes may come in pieces, cut anywhere.
class Base64Encoder {
 public:
  explicit Base64Encoder(std::string& out) : out_(out) {}

  void append(std::string_view bytes);
  // The last, padded group. Nothing may be appended after it.
  void finish();

 private:
  std::string& out_;
  std::array<unsigned char, 3> rest_{};  // of a group that is not full yet
  std::size_t rest_bytes_ = 0;
};

// How many bytes `base64` stands for; it is valid and padded.
[[nodiscard]] std::size_t base64_decoded_bytes(std::string_view base64);

// Appends the bytes that `base64` stands for; it is valid and padded.
void append_base64_decoded(std::string& out, std::string_view base64);

}  // namespace crier::command
