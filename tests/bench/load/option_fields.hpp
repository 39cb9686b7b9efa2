// Options of a program as members of a struct: what a word sets is known by the member's type.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <sstream>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_map>
#include <variant>
#include <vector>

#include "tests/bench/load/text.hpp"

namespace crier::bench {

template <class Options>
using OptionField = std::variant<std::string Options::*, int Options::*, double Options::*, bool Options::*,
                                 std::uint64_t Options::*, std::vector<int> Options::*>;

template <class Options>
using OptionFields = std::unordered_map<std::string_view, OptionField<Options>>;

inline void read_value(std::string& out, const char* text) {
  out = text;
}
inline void read_value(int& out, const char* text) {
  out = std::atoi(text);
}
inline void read_value(double& out, const char* text) {
  out = std::atof(text);
}
inline void read_value(std::uint64_t& out, const char* text) {
  out = std::strtoull(text, nullptr, 10);
}
inline void read_value(std::vector<int>& out, const char* text) {
  std::istringstream list(text);
  for (std::string word; std::getline(list, word, ',');) out.push_back(std::atoi(word.c_str()));
}

// Sets the option at argv[i], and moves `i` to its value where it has one. False: `fields` has none of that name. Ends
// the process when the value is missing.
template <class Options>
[[nodiscard]] bool take_option(const OptionFields<Options>& fields, Options& options, int argc, char** argv, int& i) {
  const auto found = fields.find(argv[i]);
  if (found == fields.end()) return false;
  std::visit(
      [&](auto field) {
        if constexpr (std::is_same_v<decltype(field), bool Options::*>) {
          options.*field = true;
        } else {
          if (i + 1 >= argc) die("%s needs a value", argv[i]);
          read_value(options.*field, argv[++i]);
        }
      },
      found->second);
  return true;
}

}  // namespace crier::bench
