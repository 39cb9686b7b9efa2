// CBOR (RFC 8949) -> JSON text: a client that speaks CBOR gives the same commands in another form, and there
// is one parser of commands, JsonCommandParser.
#pragma once

#include <string>
#include <string_view>

#include "protocol/base/result.hpp"

namespace crier::command {

// Turns one message, a command or an array of commands, into the JSON text of the same, in a single pass
// without a tree. Keeps its memory from message to message (and gives it back after an unusually large one);
// one a thread. Not thread-safe.
//
// What JSON cannot say is refused: tags, NaN and infinities, undefined and other simple values, keys that are
// no text, integers outside of -2^63 to 2^64-1, text that is no UTF-8. A byte string is taken only as the
// whole `data` of a command; it becomes base64, followed by "encoding":"base64". Items of indefinite length
// are taken, and so are heads that are longer than they need to be. Floating point numbers become the shortest
// JSON that gives the same double, and keep a fraction or an exponent (1.0). Equal keys pass through.
//
// A refusal is `bad_request`, its detail names the byte (from 0); `field` is "encoding" where a command gives
// that beside a byte string, otherwise "". A length is compared with what is left of the message before
// anything is done with it. At most nesting_max levels, as in JSON.
//
// The text is at most 8 times as long as the message, which bounds the memory: what grows most is the false of one
// byte (6 with its comma), a control character in a text (6), and a half-precision number of three bytes,
// whose shortest double may take 23.
class CborTranscoder {
 public:
  // The text lives until the next call. It is UTF-8, compact, and valid JSON. Where the parser of it names a byte,
  // that is one of the text, not of `cbor`.
  [[nodiscard]] Result<std::string_view> to_json(std::string_view cbor);

 private:
  std::string json_;
};

}  // namespace crier::command
