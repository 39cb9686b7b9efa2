// RFC 6455 5.3: XOR with a four-byte key.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace crier::websocket {

// Masks or unmasks in place. `offset` is the place of `bytes` within the frame's payload, so that a
// payload may come in pieces of any size. Vectorised; any alignment.
void apply_mask(std::span<char> bytes, std::uint32_t mask, std::size_t offset = 0) noexcept;

}  // namespace crier::websocket
