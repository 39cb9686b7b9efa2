// What a command takes, as tables: its parser, its --help, the manual page and the shells' completions are made of
// them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace crier::config {

struct Option {
  std::string_view name;  // "--kid"
  std::string_view form;  // "KEY_ID"; "": a switch. FILE and DIR are completed as such by the shells
  std::string_view help;  // may have lines
  bool repeatable = false;
  std::string_view choices = {};  // "text|json": what its value may be; "": anything
};

struct ExitCode {
  int code;
  std::string_view meaning;
};

struct Usage {
  std::string_view command;   // "crier key new"
  std::string_view synopsis;  // what stands behind it, but for the options
  std::string_view summary;   // a sentence
  std::span<const Option> options;
  std::string_view footer;    // lines; those with two blanks before them stay as they are
  std::size_t words_min = 0;  // that are no options
  std::size_t words_max = 0;
  std::span<const ExitCode> exit_codes = {};  // those that the footer does not tell
  std::string_view words = {};                // what they may be: "FILE", or "bash|zsh|fish"; "": anything
};

// The first word of a command line.
struct Command {
  enum class Kind : std::uint8_t {
    server,  // parsed by parse_command_line()
    tool,    // of broker/tools
    client   // of clients/cli
  };
  std::string_view name;
  std::string_view description;
  Kind kind;
};

// In the order in which --help has them.
[[nodiscard]] std::span<const Command> commands();
// The commands of Kind::server.
[[nodiscard]] const Usage& serve_usage();
[[nodiscard]] const Usage& check_usage();
[[nodiscard]] const Usage& config_usage();
// The examples under `crier --help`.
[[nodiscard]] std::string_view root_footer();

}  // namespace crier::config
