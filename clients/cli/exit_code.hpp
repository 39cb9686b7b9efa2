// What the client commands exit with: one table, for the code, the help and the manual page.
#pragma once

#include <array>

#include "broker/config/usage.hpp"

namespace crier::cli {

inline constexpr int exit_done = 0;
inline constexpr int exit_failed = 1;
inline constexpr int exit_usage = 2;
inline constexpr int exit_unreachable = 3;
inline constexpr int exit_incomplete = 4;
// 128 + the signal's number, as shells have it.
inline constexpr int exit_interrupted = 130;
inline constexpr int exit_terminated = 143;

inline constexpr std::array exit_codes = {
    config::ExitCode{exit_done, "done"},
    config::ExitCode{exit_failed, "the broker refused it, or it failed"},
    config::ExitCode{exit_usage, "wrong options"},
    config::ExitCode{exit_unreachable, "could not connect"},
    config::ExitCode{exit_incomplete, "not everything was acknowledged, or something was lost"},
    config::ExitCode{exit_interrupted, "interrupted (SIGINT)"},
    config::ExitCode{exit_terminated, "ended by SIGTERM"},
};

}  // namespace crier::cli
