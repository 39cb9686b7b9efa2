// What went wrong, for people.
#pragma once

#include <cstddef>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/websocket/close_code.hpp"

namespace crier::cli::benchmark {

struct Failure {
  int exit_code = 0;  // one of exit_code.hpp
  std::string text;   // a sentence without its full stop
};

// Behind why no connection came about.
inline constexpr std::string_view nobody_there = "; does a broker listen there? --url says where it is";

// An answer of HTTP's to an upgrade: what it means and what to do.
[[nodiscard]] Failure refused_upgrade(int status, std::string_view detail);
// A connection that was closed with that code.
[[nodiscard]] std::string closed_text(websocket::CloseCode code, std::string_view reason);
// What a server sent, fit for a terminal.
[[nodiscard]] std::string printable(std::string_view text);

// Sentences, each told once, with how often. Any thread.
class Failures {
 public:
  void add(const Failure& failure);

  // The first one's; 0 where nothing failed.
  [[nodiscard]] int exit_code() const;
  // "connection refused (812 times)", at most kinds_max of them.
  [[nodiscard]] std::vector<std::string> texts() const;

  static constexpr std::size_t kinds_max = 8;

 private:
  struct Kind {
    Failure failure;
    std::size_t times = 0;
  };
  mutable std::mutex mutex_;
  std::vector<Kind> kinds_;
  std::size_t others_ = 0;
};

}  // namespace crier::cli::benchmark
