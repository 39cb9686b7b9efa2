#include "clients/cli/tally.hpp"

#include <algorithm>

#include "clients/cli/text.hpp"

namespace crier::cli {

void Tally::refused(std::uint64_t line) {
  first_refused_ = refused_++ == 0 ? line : std::min(first_refused_, line);
}

std::string Tally::summary(std::uint64_t open, std::uint64_t first_open) const {
  std::string text = grouped(acknowledged_) + (acknowledged_ == 1 ? " line" : " lines") + " published";
  if (doubtful_ > 0) text += ", up to " + grouped(doubtful_) + " of them twice";
  if (refused_ > 0) text += ", " + grouped(refused_) + " not, the first of them line " + grouped(first_refused_);
  if (open > 0) {
    text += ", " + grouped(open) + " without an acknowledgement, the first of them line " + grouped(first_open);
  }
  return text;
}

}  // namespace crier::cli
