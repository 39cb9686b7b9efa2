// The whole screen of a terminal: taken, drawn, and given back as it was.
#pragma once

#include <termios.h>

#include <cstddef>
#include <string>
#include <vector>

namespace crier::cli {

class Terminal {
 public:
  // Are standard input and output a terminal that can do this?
  [[nodiscard]] static bool usable();

  Terminal() = default;
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;
  ~Terminal() { leave(); }

  // The alternate screen, without cursor; keys come at once and are not shown.
  void enter();
  void leave() noexcept;

  struct Size {
    std::size_t columns;
    std::size_t rows;
  };
  [[nodiscard]] static Size size();
  // Lines from the top; what stood there is gone. False: nobody reads the terminal any more.
  [[nodiscard]] static bool draw(const std::vector<std::string>& lines);

 private:
  termios before_{};
  bool entered_ = false;
};

}  // namespace crier::cli
