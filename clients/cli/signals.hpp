// The signals that ask a command to end, as far as its caller wants it to hear them.
#pragma once

#include <csignal>

namespace crier::cli {

// From the start on: `nohup` ignores SIGHUP for what it runs, and a script's shell SIGINT for what it puts into the
// background. A handler of ours would undo that.
[[nodiscard]] inline bool is_ignored(int signal) {
  struct sigaction now{};
  return ::sigaction(signal, nullptr, &now) == 0 && now.sa_handler == SIG_IGN;
}

// `Set`: asio::signal_set.
template <class Set>
void add_ends(Set& signals) {
  signals.add(SIGTERM);
  for (const int signal : {SIGINT, SIGHUP}) {
    if (!is_ignored(signal)) signals.add(signal);
  }
}

}  // namespace crier::cli
