// A line on standard error that says how far a long job is: on a terminal alone.
#pragma once

#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

#include "broker/config/usage.hpp"

namespace crier::cli {

class Progress {
 public:
  Progress(asio::io_context& context, const config::Usage& usage, std::function<std::string()> text);

  void start();
  // Takes the line away, so that something else can be said; it comes back by itself.
  void clear();
  // ", 1,234/s since the start"
  [[nodiscard]] std::string rate_text(std::uint64_t done) const;

 private:
  void wait();

  asio::steady_timer timer_;
  const config::Usage& usage_;
  std::function<std::string()> text_;
  std::chrono::steady_clock::time_point since_;
  bool shown_ = false;
};

}  // namespace crier::cli
