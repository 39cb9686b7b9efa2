// The options of the tools. The parser of the broker's own command line would split "[a,b]" at the comma, which is one
// channel's name or one JSON text here.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "broker/config/usage.hpp"
#include "broker/tools/tools.hpp"

namespace crier::tools {

using config::Option;
using config::Usage;

class Options {
 public:
  // Answers what to end with when there is nothing to do: --help, or wrong options.
  [[nodiscard]] std::optional<Outcome> parse(const Usage& usage, std::span<const std::string> arguments);

  [[nodiscard]] bool has(std::string_view name) const;
  // In the order in which they were given.
  [[nodiscard]] std::vector<std::string> all(std::string_view name) const;
  [[nodiscard]] std::optional<std::string> one(std::string_view name) const;
  [[nodiscard]] const std::vector<std::string>& words() const { return words_; }

 private:
  struct Given {
    std::string_view name;
    std::string value;
  };
  std::vector<Given> given_;
  std::vector<std::string> words_;
};

[[nodiscard]] std::string help_text(const Usage& usage);
// "crier key new: --kid: given 2 times, expected once; see `crier key new --help`."
[[nodiscard]] Outcome wrong_usage(const Usage& usage, const std::string& what);
[[nodiscard]] Outcome refused(const Usage& usage, const std::string& what);

}  // namespace crier::tools
