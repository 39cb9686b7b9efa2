// JSON text -> CBOR (RFC 8949), for clients that speak it: what is written for everybody as JSON is put into the
// other form in a single pass, without a tree and with no memory but `out`'s.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "protocol/command/json_codec.hpp"

namespace crier::command {

// Whose text it is, which decides what "encoding":"base64" means in it.
enum class JsonOrigin : std::uint8_t {
  client,  // somebody's data: every member stays what it is
  broker,  // a reply or a push of ours, or an array of replies
};

// Appends `json`, which is one valid JSON value (or one that we wrote) of UTF-8, at most nesting_max + 8 levels deep:
// room for a client's value inside of a reply.
//
//  * Of the broker's: where a reply or push, or an element of its `messages`, has a string `data` directly
//    followed by "encoding":"base64", as append_json writes it, data becomes a byte string and encoding is left
//    out. Nowhere else, and never inside of data itself.
//  * Integers from -2^63 to 2^64-1 are integers. All other numbers are floating point, in the shortest of the
//    three sizes that keeps their double: integers beyond that range and -0 too. What is beyond a double's
//    range becomes an infinity or a zero, as JSON.parse makes of it.
//  * Heads are the shortest possible and lengths definite, but for arrays and maps of more than 23 elements or
//    pairs, whose length is indefinite.
//  * Members keep their order, equal keys too.
//
// At most three times as long as the text, and 8 bytes (0.1 takes nine).
void append_cbor(std::string& out, std::string_view json, JsonOrigin origin);

// The push in CBOR: the same bytes as append_cbor of append_json(push), without the way through JSON.
void append_cbor_message(std::string& out, const MessagePush& push);

}  // namespace crier::command
