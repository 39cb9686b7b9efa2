// What it costs to find the patterns that match a name: nanoseconds a match, by the kind and number of
// patterns and the depth of the name. Prints the table of README.md.
#include <algorithm>
#include <cstdio>
#include <ctime>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "broker/hub/pattern_tree.hpp"
#include "protocol/command/channel_name.hpp"

namespace {

using crier::hub::pattern_wildcard_tokens_max;

constexpr std::size_t depths[] = {1, 2, 3, 4, 5, 6, 7, 8, 32};
constexpr std::size_t names_per_depth = 1000;
constexpr std::size_t rounds = 5;  // the fastest counts: the others measure the neighbours

class Record {
 public:
  explicit Record(std::string name) : name_(std::move(name)) {}
  [[nodiscard]] std::string_view name() const { return name_; }

 private:
  std::string name_;
};
using Tree = crier::hub::PatternTree<Record>;

void append(std::string& text, std::string_view token) {
  if (!text.empty()) text += '.';
  text += token;
}

class Generator {
 public:
  std::size_t below(std::size_t bound) { return static_cast<std::size_t>(random_() % bound); }

  std::string name(std::size_t depth) {
    std::string text;
    for (std::size_t at = 0; at < depth; ++at) append(text, token());
    return text;
  }
  // One wildcard, and literals.
  std::string literal_heavy() {
    const std::size_t depth = depths[below(std::size(depths))];
    const std::size_t star = below(std::min(depth, pattern_wildcard_tokens_max));
    const bool open = star + 1 == depth && below(2) == 0;
    std::string text;
    for (std::size_t at = 0; at < depth; ++at) append(text, at != star ? token() : open ? ">" : "*");
    return text;
  }
  // Every other token, so that there are about as many shapes as there can be.
  std::string wildcard_heavy() {
    const std::size_t depth = depths[below(std::size(depths))];
    std::string text;
    for (std::size_t at = 0; at < depth; ++at) {
      if (at < pattern_wildcard_tokens_max && below(8) == 0) {
        append(text, ">");
        return text;
      }
      append(text, at < pattern_wildcard_tokens_max && below(2) == 0 ? "*" : token());
    }
    return crier::command::looks_like_pattern(text) ? text : wildcard_heavy();
  }

 private:
  std::string token() { return std::string("t").append(std::to_string(below(50))); }
  std::mt19937_64 random_{1};
};

struct Cost {
  double ns = 0;
  double matches = 0;
};

Cost measure(const Tree& tree, const std::vector<std::string>& names) {
  double best_ns = 0;
  std::size_t matches = 0;
  for (std::size_t round = 0; round < rounds; ++round) {
    matches = 0;
    std::size_t calls = 0;
    const std::clock_t start = std::clock();  // of this process: others share the machine
    std::clock_t spent = 0;
    do {  // long enough for the clock
      for (const std::string& name : names) tree.match(name, [&](const Record&) { ++matches; });
      calls += names.size();
      spent = std::clock() - start;
    } while (spent < CLOCKS_PER_SEC / 50);
    const double ns = static_cast<double>(spent) / CLOCKS_PER_SEC * 1e9 / static_cast<double>(calls);
    if (round == 0 || ns < best_ns) best_ns = ns;
    matches = matches * names.size() / calls;
  }
  return {best_ns, static_cast<double>(matches) / static_cast<double>(names.size())};
}

void print_row(std::string_view kind, const Tree& tree, const std::vector<std::vector<std::string>>& names) {
  std::printf("| %.*s | %zu |", static_cast<int>(kind.size()), kind.data(), tree.size());
  for (const auto& of_depth : names) {
    const Cost cost = measure(tree, of_depth);
    std::printf(" %.0f (%.*f) |", cost.ns, cost.matches < 10 ? 1 : 0, cost.matches);
  }
  std::printf("\n");
  std::fflush(stdout);
}

template <class Make>
void fill(Tree& tree, std::size_t count, Make make) {
  // A set of short patterns is soon complete: then the rest are longer ones.
  while (tree.size() < count) {
    std::string pattern = make();
    if (tree.find(pattern) == nullptr) tree.insert(std::make_unique<Record>(std::move(pattern)));
  }
}

// The worst that the limit lets through: a literal and a '*' below every node, and a tail at each, so that a
// name of x's reaches them all.
void fill_with_all_paths(Tree& tree) {
  for (std::uint32_t stars = 0; stars < 1U << pattern_wildcard_tokens_max; ++stars) {
    for (std::size_t depth = 1; depth <= pattern_wildcard_tokens_max; ++depth) {
      const bool closed = depth == pattern_wildcard_tokens_max;
      if (stars >> depth != 0 || (closed && stars == 0)) continue;
      std::string text;
      for (std::size_t at = 0; at < (closed ? 32 : depth); ++at) {
        append(text, (stars >> at & 1) != 0 ? "*" : "x");
      }
      if (!closed) append(text, ">");
      tree.insert(std::make_unique<Record>(std::move(text)));
    }
  }
  tree.insert(std::make_unique<Record>(">"));
}

}  // namespace

int main() {
  Generator generator;
  std::vector<std::vector<std::string>> names;
  std::printf("| patterns | number |");
  for (const std::size_t depth : depths) {
    std::printf(" %zu |", depth);
    std::vector<std::string> of_depth;
    for (std::size_t i = 0; i < names_per_depth; ++i) of_depth.push_back(generator.name(depth));
    names.push_back(std::move(of_depth));
  }
  std::printf("\n|---|---|");
  for (std::size_t i = 0; i < names.size(); ++i) std::printf("---|");
  std::printf("\n");
  for (const std::size_t count : {1U, 100U, 10'000U, 100'000U}) {
    Tree tree;
    fill(tree, count, [&] { return generator.literal_heavy(); });
    print_row("literal-heavy", tree, names);
  }
  for (const std::size_t count : {1U, 100U, 10'000U, 100'000U}) {
    Tree tree;
    fill(tree, count, [&] { return generator.wildcard_heavy(); });
    print_row("wildcard-heavy", tree, names);
  }
  // Nothing but the last token is amiss.
  for (std::size_t i = 0; i < names.size(); ++i) {
    std::string name;
    for (std::size_t at = 1; at < depths[i]; ++at) append(name, "x");
    append(name, "y");
    names[i].assign(names_per_depth, name);
  }
  Tree worst;
  fill_with_all_paths(worst);
  print_row("every path", worst, names);
}
