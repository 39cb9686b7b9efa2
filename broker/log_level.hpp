// The configuration's word for a level, as the log has it.
#pragma once

#include "broker/config/config.hpp"
#include "broker/runtime/log.hpp"

namespace crier {

[[nodiscard]] constexpr runtime::LogLevel log_level(config::LogLevel level) {
  switch (level) {
    case config::LogLevel::debug: return runtime::LogLevel::debug;
    case config::LogLevel::info: return runtime::LogLevel::info;
    case config::LogLevel::warn: return runtime::LogLevel::warn;
    case config::LogLevel::error: return runtime::LogLevel::error;
  }
  __builtin_unreachable();
}

}  // namespace crier
