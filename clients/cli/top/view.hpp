// `crier top`'s figures as lines of a screen, and as JSON. Pure.
#pragma once

#include <string>
#include <vector>

#include "clients/cli/top/figures.hpp"

namespace crier::cli {

struct Layout {
  std::size_t width = 80;
  std::size_t height = 0;  // lines at most; 0: all there are
  bool colour = false;
  bool keys = false;  // says how to leave
};

// What stands around the figures.
struct Frame {
  std::string admin;  // the address
  std::string clock;  // "12:34:56"
  std::string note;   // of a fault; "": none
};

[[nodiscard]] std::vector<std::string> screen_of(const Figures& figures, const Frame& frame, const Layout& layout);

// One object, without line end. What is not known is null.
[[nodiscard]] std::string json_of(const Figures& figures, const Frame& frame, double wall_s);

}  // namespace crier::cli
