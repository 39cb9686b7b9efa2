// UTF-8 (RFC 3629) of texts that no WebSocket has seen: out of CBOR, configuration, and errors' quotations.
#pragma once

#include <cstddef>
#include <string_view>

namespace crier::command {

// How many bytes at the front of `text` are whole, valid characters: all of them when it is UTF-8.
[[nodiscard]] std::size_t utf8_prefix_bytes(std::string_view text);

}  // namespace crier::command
