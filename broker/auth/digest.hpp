// SHA-256, and what tells keys from each other by it.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace crier::auth {

using Sha256 = std::array<std::uint8_t, 32>;
[[nodiscard]] Sha256 sha256_of(std::string_view text);

// For Principal::key_id: of the same key always the same, and too little to find the key by.
[[nodiscard]] std::uint64_t key_id_of(const Sha256& digest) noexcept;

}  // namespace crier::auth
