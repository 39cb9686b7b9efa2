// What happened in a run: its digest, by which two runs of one seed are compared; its lines, when somebody
// wants to read them; and the first promise that was broken.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace crier::simulation {

inline constexpr std::size_t nobody = static_cast<std::size_t>(-1);

// What a line, or a violation, is about.
struct About {
  std::size_t client = nobody;
  std::string channel = {};
};

struct Violation {
  About about;
  std::string what;
};

class Story {
 public:
  // `aloud`: its lines are printed as they come, so that they are there when the process aborts.
  Story(bool told, bool aloud) : told_(told || aloud), aloud_(aloud) {}

  // Lines cost time and memory: they are made only when somebody reads them.
  template <class Line>
  void tell(std::size_t client, std::string_view channel, Line line) {
    if (!told_) return;
    lines_.push_back({{client, std::string(channel)}, step_, line()});
    if (aloud_) std::printf("%llu  %s\n", static_cast<unsigned long long>(step_), lines_.back().text.c_str());
    if (lines_.size() > lines_max) lines_.pop_front();
  }
  void note(std::uint64_t event) noexcept { digest_ = (digest_ ^ event) * 0x100000001B3; }
  void note(std::string_view bytes) noexcept {
    for (const char c : bytes) note(static_cast<std::uint64_t>(static_cast<unsigned char>(c)));
  }
  void next_step() noexcept { ++step_; }

  // The first one counts: what follows may be its consequence.
  void violate(std::size_t client, std::string_view channel, std::string what) {
    tell(client, channel, [&] { return "VIOLATION " + what; });
    if (!violation_) violation_ = Violation{{client, std::string(channel)}, std::move(what)};
  }
  [[nodiscard]] const std::optional<Violation>& violation() const noexcept { return violation_; }
  [[nodiscard]] std::uint64_t digest() const noexcept { return digest_; }
  [[nodiscard]] std::uint64_t step() const noexcept { return step_; }

  // The last lines that have to do with a client or its channel; and with both, of the two.
  [[nodiscard]] std::vector<std::string> last_lines(const About& about, std::size_t count) const {
    std::vector<std::string> found;
    for (auto line = lines_.rbegin(); line != lines_.rend() && found.size() < count; ++line) {
      const bool client = line->about.client == about.client || line->about.client == nobody;
      const bool channel = line->about.channel == about.channel || line->about.channel.empty();
      const bool wanted = about.client == nobody  ? channel
                          : about.channel.empty() ? line->about.client == about.client
                                                  : client && channel;
      if (wanted) found.push_back(std::to_string(line->step) + "  " + line->text);
    }
    return {found.rbegin(), found.rend()};
  }

 private:
  struct Line {
    About about;
    std::uint64_t step;
    std::string text;
  };
  static constexpr std::size_t lines_max = 200'000;

  bool told_;
  bool aloud_;
  std::deque<Line> lines_;
  std::optional<Violation> violation_;
  std::uint64_t digest_ = 0xCBF29CE484222325;
  std::uint64_t step_ = 0;
};

}  // namespace crier::simulation
