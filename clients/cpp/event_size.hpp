// What an event costs in the queue of a blocking client.
#pragma once

#include <crier/blocking_client.hpp>
#include <cstddef>

namespace crier::client {

// Bytes: about what it holds of memory.
[[nodiscard]] std::size_t event_size(const Event& event);

}  // namespace crier::client
