// A system that fails: chosen system calls answer an error or end the process, by a seccomp filter, which needs
// no rights and no seam in what is tested. It cannot be taken off again, so what it is for runs in a child.
#pragma once

#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace crier::state {

// The C library takes the one or the other.
#ifdef SYS_renameat
inline const std::vector<long> rename_calls = {SYS_renameat, SYS_renameat2};
#else
inline const std::vector<long> rename_calls = {SYS_renameat2};
#endif

// How an end at the chosen calls is asked for, in the place of an errno.
inline constexpr int end_of_process = 0;

// From now on, for good, in this process. `descriptor`: only where the calls' first argument is this one.
inline void fail_at(const std::vector<long>& calls, int reason, std::optional<int> descriptor = std::nullopt) {
  const std::uint32_t action = reason == end_of_process
                                   ? SECCOMP_RET_KILL_PROCESS
                                   : SECCOMP_RET_ERRNO | (static_cast<std::uint32_t>(reason) & SECCOMP_RET_DATA);
  const auto load = [](std::size_t at) {
    return sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(at));
  };
  const auto skip_unless = [](std::uint32_t value, std::uint8_t statements) {
    return sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, statements);
  };
  std::vector<sock_filter> program;
  for (const long call : calls) {
    program.push_back(load(offsetof(seccomp_data, nr)));
    program.push_back(skip_unless(static_cast<std::uint32_t>(call), descriptor ? 3 : 1));
    if (descriptor) {
      program.push_back(load(offsetof(seccomp_data, args)));  // its lower half, on little-endian machines
      program.push_back(skip_unless(static_cast<std::uint32_t>(*descriptor), 1));
    }
    program.push_back(BPF_STMT(BPF_RET | BPF_K, action));
  }
  program.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  const sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) ::_exit(2);
  if (::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0) ::_exit(3);
}

// The descriptor by which this process has a file open; -1: by none.
inline int descriptor_of(const std::string& path) {
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code gone;
    if (std::filesystem::read_symlink(entry.path(), gone) == path) return std::stoi(entry.path().filename());
  }
  return -1;
}

struct Outcome {
  bool killed = false;
  int exit_code = -1;
  std::string said;  // what `run` answered
};

// Runs `run` in a child process.
template <class Run>
Outcome in_child(Run run) {
  constexpr std::size_t room = 4096;
  auto* const said =
      static_cast<char*>(::mmap(nullptr, room, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  EXPECT_NE(said, MAP_FAILED);
  const pid_t child = ::fork();
  if (child == 0) {
    const std::string answer = run();
    std::strncpy(said, answer.c_str(), room - 1);
    ::_exit(0);
  }
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  Outcome outcome{WIFSIGNALED(status), WIFEXITED(status) ? WEXITSTATUS(status) : -1, said};
  ::munmap(said, room);
  return outcome;
}

}  // namespace crier::state
