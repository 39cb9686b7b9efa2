// Proof at run time, in release too, that a shard's state is touched by its own thread alone.
#pragma once

#include <thread>

#include "protocol/base/check.hpp"

namespace crier::runtime {

class OwningThread {
 public:
  // The thread that calls this owns the state from now on.
  void bind() noexcept { owner_ = std::this_thread::get_id(); }
  // Every entry into the state calls this; anything but the owner is a bug that aborts.
  void check() const noexcept { CRIER_ASSERT(owner_ == std::this_thread::get_id()); }

 private:
  std::thread::id owner_ = std::this_thread::get_id();
};

}  // namespace crier::runtime
