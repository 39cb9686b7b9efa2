// Lines between two processes of one machine, with descriptors beside them. Strictly by turns, so that never more than
// one line is on its way. Blocking, with a bound on the time.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "broker/state/directory.hpp"
#include "protocol/base/result.hpp"

namespace crier::hand_over {

using state::FileDescriptor;

inline constexpr std::size_t descriptors_max = 200;  // of one line; Linux takes 253
inline constexpr std::size_t line_bytes_max = 4096;

struct Line {
  std::string text;  // without its end; "": the other process has gone
  std::vector<FileDescriptor> descriptors;
};

// Errors are sentences. The descriptors stay the caller's.
[[nodiscard]] Result<std::monostate, std::string> send_line(int socket, std::string_view text,
                                                            std::span<const int> descriptors = {});
[[nodiscard]] Result<Line, std::string> receive_line(int socket, std::chrono::milliseconds patience);

// Who is at the other end, as the kernel tells it.
struct Peer {
  pid_t process = 0;
  uid_t user = 0;
};
[[nodiscard]] Peer peer_of(int socket);

// What the two say, in this order. `stay` is said instead of any of them, with the reason behind it. Words only tell
// each other when to look: whose the state is, the state directory decides (StateDir::commit, take_back).
inline constexpr std::string_view ask_line = "crier hand-over 1";  // new: may I?
inline constexpr std::string_view state_line = "state";            // old: written; with the lock and the listeners
inline constexpr std::string_view ready_line = "ready";            // new: all of it is taken up
inline constexpr std::string_view go_line = "go";                  // old: then go on
inline constexpr std::string_view taken_line = "taken";            // new: I do; from here on it is the new one's
inline constexpr std::string_view stay_line = "stay: ";            // old: I go on myself

}  // namespace crier::hand_over
