// The command line and the result of one load run.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace crier::load {

struct Options {
  std::uint16_t port = 0;
  int server_pid = 0;  // for its memory and descriptors; 0: not looked at
  std::uint32_t publishers = 8;
  std::uint32_t subscribers = 50;
  std::uint32_t messages = 100'000;
  std::uint32_t window = 2'000;  // messages that a publisher may be ahead of the slowest subscriber
  std::uint32_t connections = 10'000;
  std::uint32_t rounds = 3;
  double seconds = 20;    // how long a flood lasts
  double deadline = 180;  // then the run has failed
};

// Ends the process with a message on a bad option.
Options parse_options(int argc, char** argv);

// One flat JSON object, printed as one line.
class Report {
 public:
  void number(std::string_view name, double value);
  void count(std::string_view name, std::uint64_t value);
  void list(std::string_view name, const std::vector<std::uint64_t>& values);
  void text(std::string_view name, std::string_view value);  // of our own: needs no escaping
  void print() const;

 private:
  void add(std::string_view name, std::string_view value);
  std::string fields_;
};

// Of another process, from /proc; 0 when it is gone or pid is 0.
std::uint64_t resident_kb(int pid);
std::uint64_t open_descriptors(int pid);

}  // namespace crier::load
