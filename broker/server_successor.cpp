// SIGUSR2: the program at the path that this one was started from, by now perhaps a newer one, is started to take over.
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <system_error>
#include <vector>

#include "broker/runtime/log.hpp"
#include "broker/server.hpp"

namespace crier {

namespace {

constexpr std::string_view take_over_flag = "--take-over";

// What is said to one process, and not to its children.
bool is_ours_alone(std::string_view variable) {
  constexpr std::array names{"WATCHDOG_PID=", "LISTEN_PID=", "LISTEN_FDS=", "LISTEN_FDNAMES="};
  return std::ranges::any_of(names, [&](std::string_view name) { return variable.starts_with(name); });
}

// As execve wants them; they point into `words`.
std::vector<char*> pointers_to(std::vector<std::string>& words) {
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace

void Server::start_successor() {
  if (!door_) {
    runtime::log(runtime::LogLevel::error, "no other process can take over: that needs server.state_dir");
    return;
  }
  if (successor_) {
    runtime::log(runtime::LogLevel::warn, "another process is about to take over already",
                 {{"process", std::to_string(*successor_)}});
    return;
  }
  std::vector<std::string> words{command_.program};
  words.insert(words.end(), command_.arguments.begin(), command_.arguments.end());
  if (std::ranges::find(words, take_over_flag) == words.end()) words.emplace_back(take_over_flag);
  std::vector<std::string> variables;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    if (!is_ours_alone(*variable)) variables.emplace_back(*variable);
  }
  pid_t process = 0;
  const int failed = ::posix_spawn(&process, command_.program.c_str(), nullptr, nullptr, pointers_to(words).data(),
                                   pointers_to(variables).data());
  if (failed != 0) {
    runtime::log(runtime::LogLevel::error, "cannot start the process that is to take over",
                 {{"program", command_.program}, {"fault", std::generic_category().message(failed)}});
    return;
  }
  successor_ = process;
  runtime::log(runtime::LogLevel::info, "started the process that is to take over",
               {{"program", command_.program}, {"process", std::to_string(process)}});
}

void Server::on_child_ended() {
  int status = 0;
  if (!successor_ || ::waitpid(*successor_, &status, WNOHANG) != *successor_) return;
  successor_.reset();
  if (handed_over_) return;  // its own misfortune, of which it has told
  const std::string how = WIFEXITED(status) ? "exit code " + std::to_string(WEXITSTATUS(status))
                                            : "signal " + std::to_string(WTERMSIG(status));
  runtime::log(runtime::LogLevel::error, "the process that was to take over has ended: going on", {{"ended_by", how}});
}

}  // namespace crier
