#include "broker/engine/engine.hpp"

#include "protocol/base/check.hpp"

namespace crier::engine {

void Engine::recover(Ticket /*ticket*/, std::string_view /*channel*/, std::uint64_t /*after*/,
                     std::size_t /*bytes_max*/) {
  CRIER_ASSERT(false);  // who `recovers` says how; nobody may ask who does not
}

}  // namespace crier::engine
