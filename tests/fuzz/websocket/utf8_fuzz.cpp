// The validator agrees with a decoder that works by arithmetic: on the whole text, on every prefix (so it
// fails exactly at the first byte that condemns the text), and wherever the text is cut.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "protocol/base/check.hpp"
#include "protocol/websocket/utf8.hpp"
#include "tests/support/reference_utf8.hpp"

using crier::testing::judge_utf8;
using crier::testing::Utf8Verdict;
using crier::websocket::Utf8Validator;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  // The first byte chooses the pieces' size.
  const std::size_t piece_bytes = 1 + data[0] % 70;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, std::min<std::size_t>(size - 1, 300));

  CRIER_ASSERT(crier::websocket::valid_utf8(text) == (judge_utf8(text) == Utf8Verdict::whole));
  Utf8Validator validator;
  for (std::size_t at = 0; at < text.size(); at += piece_bytes) {
    const bool good = validator.feed(text.substr(at, piece_bytes));
    const Utf8Verdict expected = judge_utf8(text.substr(0, at + piece_bytes));
    CRIER_ASSERT(good == (expected != Utf8Verdict::broken));
    CRIER_ASSERT(validator.complete() == (expected == Utf8Verdict::whole));
  }
  return 0;
}
