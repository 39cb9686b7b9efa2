// The engine within: offsets come from the shard's own running sequence, and the home's history is all
// there is. One epoch a life of the process, or of the state file that it took up.
#pragma once

#include <string>
#include <utility>

#include "broker/engine/engine.hpp"

namespace crier::engine {

class MemoryEngine final : public Engine {
 public:
  MemoryEngine(std::string epoch, std::uint64_t start) : epoch_(std::move(epoch)), start_(start), sequence_(start) {}

  [[nodiscard]] std::string_view epoch() const override { return epoch_; }
  [[nodiscard]] std::uint64_t start() const override { return start_; }
  [[nodiscard]] std::optional<Result<std::uint64_t>> publish(Ticket /*ticket*/,
                                                             const Publication& /*publication*/) override {
    return Result<std::uint64_t>(++sequence_);
  }

 private:
  std::string epoch_;
  std::uint64_t start_;
  std::uint64_t sequence_;
};

}  // namespace crier::engine
