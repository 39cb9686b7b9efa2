// What shells complete behind `crier`, and `crier completions`.
#include <algorithm>
#include <array>
#include <cstdio>
#include <map>
#include <string_view>

#include "broker/config/names.hpp"
#include "clients/cli/commands.hpp"
#include "clients/cli/exit_code.hpp"
#include "clients/cli/link.hpp"
#include "clients/cli/manual.hpp"

namespace crier::cli {

namespace {

using Usages = std::vector<const config::Usage*>;

// "crier key new" -> {"key", "new"}
struct Path {
  std::string_view first;
  std::string_view second;  // "": none
};

Path path_of(const config::Usage& usage) {
  const std::string_view words = usage.command.substr(usage.command.find(' ') + 1);
  const std::size_t blank = words.find(' ');
  return {words.substr(0, blank), blank == std::string_view::npos ? "" : words.substr(blank + 1)};
}

std::string with_blanks(std::string_view choices) {
  std::string words(choices);
  std::ranges::replace(words, '|', ' ');
  return words;
}

std::string one_line(std::string_view text) {
  std::string line(text);
  std::ranges::replace(line, '\n', ' ');
  return line;
}

// Within single quotes, which end for a quote.
std::string quoted(std::string_view text, std::string_view for_a_quote) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'') {
      out += for_a_quote;
    } else {
      out += c;
    }
  }
  return out + "'";
}

std::string posix_quoted(std::string_view text) {
  return quoted(text, "'\\''");
}

std::string fish_quoted(std::string_view text) {
  std::string doubled;
  for (const char c : text) doubled += c == '\\' ? "\\\\" : std::string(1, c);
  return quoted(doubled, "\\'");
}

// The second words, by the first: {"key": ["new"], "token": ["new", "inspect"]}.
std::map<std::string_view, std::vector<const config::Usage*>> nested(const Usages& usages) {
  std::map<std::string_view, std::vector<const config::Usage*>> out;
  for (const config::Usage* usage : usages) {
    if (!path_of(*usage).second.empty()) out[path_of(*usage).first].push_back(usage);
  }
  return out;
}

std::string second_words(const std::vector<const config::Usage*>& usages) {
  std::string out;
  for (const config::Usage* usage : usages) out += std::string(path_of(*usage).second) + " ";
  return out + "--help";
}

// ---- bash

// What completes a value: a line of the script, "" for nothing.
std::string bash_value(std::string_view form, std::string_view choices) {
  if (form == "FILE") return "_crier_files";
  if (form == "DIR") return "_crier_files -d";
  return choices.empty() ? "" : "_crier_words " + posix_quoted(with_blanks(choices));
}

std::string bash_command(const config::Usage& usage) {
  const Path path = path_of(usage);
  const std::string name = std::string(path.first) + (path.second.empty() ? "" : " ") + std::string(path.second);
  std::string out = "    " + posix_quoted(name) + ")\n      case $prev in\n";
  std::string names;
  for (const config::Option& option : usage.options) {
    names += std::string(option.name) + " ";
    if (option.form.empty()) continue;
    const std::string value = bash_value(option.form, option.choices);
    out += "        " + std::string(option.name) + ") " + value + (value.empty() ? "" : "; ") + "return ;;\n";
  }
  out +=
      "      esac\n      if [[ $cur == -* ]]; then _crier_words " + posix_quoted(names + "--help") + "; return; fi\n";
  const bool file = usage.words == "FILE";
  if (!usage.words.empty()) {
    out += "      " + bash_value(file ? "FILE" : "", file ? "" : usage.words) + "\n";
  }
  return out + "      ;;\n";
}

constexpr std::string_view bash_head =
    "# bash completion for crier, made by `crier completions bash`.\n"
    "_crier_words() { mapfile -t COMPREPLY < <(compgen -W \"$1\" -- \"$cur\"); }\n"
    "_crier_files() {\n"
    "  compopt -o filenames 2> /dev/null\n"
    "  mapfile -t COMPREPLY < <(compgen \"${1:--f}\" -- \"$cur\")\n"
    "}\n"
    "_crier() {\n"
    "  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} command\n"
    "  COMPREPLY=()\n"
    "  # --option=value comes as three words.\n"
    "  if [[ $cur == '=' ]]; then\n"
    "    cur=''\n"
    "  elif [[ $prev == '=' ]] && (( COMP_CWORD >= 3 )); then\n"
    "    prev=${COMP_WORDS[COMP_CWORD - 2]}\n"
    "  fi\n";

// ---- zsh

// In _arguments' specifications ':' ends a part and brackets hold the help.
std::string zsh_escaped(std::string_view text) {
  std::string out;
  for (const char c : one_line(text)) {
    if (c == ':' || c == '[' || c == ']' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

std::string zsh_action(std::string_view form, std::string_view choices) {
  if (form == "FILE") return "_files";
  if (form == "DIR") return "_files -/";
  return choices.empty() ? "" : "(" + with_blanks(choices) + ")";
}

std::string zsh_arguments(const config::Usage& usage, std::string_view indent) {
  std::string out = std::string(indent) + "_arguments";
  const auto add = [&](const std::string& spec) { out += " \\\n" + std::string(indent) + "  " + posix_quoted(spec); };
  for (const config::Option& option : usage.options) {
    std::string spec = (option.repeatable ? "*" : "") + std::string(option.name);
    if (!option.form.empty()) spec += "=";
    spec += "[" + zsh_escaped(option.help) + "]";
    if (!option.form.empty()) spec += ":" + zsh_escaped(option.form) + ":" + zsh_action(option.form, option.choices);
    add(spec);
  }
  add("(-h --help)-h[Print this help]");
  add("(-h --help)--help[Print this help]");
  if (usage.words_max > 0) {
    const bool file = usage.words == "FILE";
    add("*:argument:" + zsh_action(file ? "FILE" : "", file ? "" : usage.words));
  }
  return out + "\n";
}

std::string zsh_description(std::string_view word, std::string_view text) {
  return "        " + posix_quoted(zsh_escaped(word) + ":" + one_line(text)) + "\n";
}

std::string zsh_nested(std::string_view first, const std::vector<const config::Usage*>& usages) {
  std::string out = "    " + std::string(first) + ")\n      if (( CURRENT == 2 )); then\n        local -a commands=(\n";
  for (const config::Usage* usage : usages) out += "  " + zsh_description(path_of(*usage).second, usage->summary);
  out +=
      "        )\n        _describe command commands\n      else\n        shift words\n        (( CURRENT-- ))\n"
      "        case $words[1] in\n";
  for (const config::Usage* usage : usages) {
    out += "        " + std::string(path_of(*usage).second) + ")\n" + zsh_arguments(*usage, "          ") +
           "          ;;\n";
  }
  return out + "        esac\n      fi\n      ;;\n";
}

// ---- fish

std::string fish_value(std::string_view form, std::string_view choices) {
  if (form == "FILE") return " -r -F";
  if (form == "DIR") return " -x -a '(__fish_complete_directories)'";
  if (!choices.empty()) return " -x -a " + fish_quoted(with_blanks(choices));
  return form.empty() ? "" : " -x";
}

std::string fish_command(const config::Usage& usage) {
  const Path path = path_of(usage);
  const std::string at = std::string(path.first) + (path.second.empty() ? "" : " ") + std::string(path.second);
  const std::string begin = "complete -c crier -n '__crier_at " + at + "'";
  std::string out;
  for (const config::Option& option : usage.options) {
    out += begin + " -l " + std::string(option.name.substr(2)) + fish_value(option.form, option.choices) + " -d " +
           fish_quoted(one_line(option.help)) + "\n";
  }
  if (usage.words == "FILE") return out + begin + " -F\n";
  if (!usage.words.empty()) out += begin + " -a " + fish_quoted(with_blanks(usage.words)) + "\n";
  return out;
}

constexpr std::string_view fish_head =
    "# fish completion for crier, made by `crier completions fish`.\n"
    "function __crier_at --description 'Are these the first words behind crier?'\n"
    "    set -l words (commandline -opc)\n"
    "    set -l count (count $argv)\n"
    "    test (count $words) -gt $count; or return 1\n"
    "    set -l last (math $count + 1)\n"
    "    test \"$words[2..$last]\" = \"$argv\"\n"
    "end\n"
    "function __crier_only --description 'Are these all the words behind crier?'\n"
    "    set -l words (commandline -opc)\n"
    "    test (count $words) -eq (math (count $argv) + 1); or return 1\n"
    "    test -z \"$argv\"; or __crier_at $argv\n"
    "end\n"
    "complete -c crier -f\n"
    "complete -c crier -s h -l help -d 'Print this help'\n"
    "complete -c crier -n __crier_only -l version -d 'Print version, compiler and kind of build'\n";

struct Shell {
  std::string_view name;
  std::string (*completions)(const Usages& usages);
};
constexpr std::array shells = {Shell{"bash", bash_completions}, Shell{"zsh", zsh_completions},
                               Shell{"fish", fish_completions}};

constexpr config::Usage usage{"crier completions",
                              "bash|zsh|fish",
                              "Print completions for a shell",
                              {},
                              "Packages install them. By hand:\n"
                              "  source <(crier completions bash)\n"
                              "  crier completions zsh > ~/.zfunc/_crier     # a folder of $fpath\n"
                              "  crier completions fish > ~/.config/fish/completions/crier.fish\n",
                              1,
                              1,
                              exit_codes,
                              "bash|zsh|fish"};

}  // namespace

std::string bash_completions(const Usages& usages) {
  std::string out(bash_head);
  out += "  command=${COMP_WORDS[1]}\n  if (( COMP_CWORD == 1 )); then\n    _crier_words '";
  for (const config::Command& command : config::commands()) out += std::string(command.name) + " ";
  out += "--help --version'\n    return\n  fi\n";
  for (const auto& [first, commands] : nested(usages)) {
    out += "  if [[ $command == " + std::string(first) + " ]]; then\n    if (( COMP_CWORD == 2 )); then _crier_words " +
           posix_quoted(second_words(commands)) + "; return; fi\n    command+=\" ${COMP_WORDS[2]}\"\n  fi\n";
  }
  out += "  case $command in\n";
  for (const config::Usage* one : usages) out += bash_command(*one);
  return out + "  esac\n}\ncomplete -F _crier crier\n";
}

std::string zsh_completions(const Usages& usages) {
  std::string out =
      "#compdef crier\n# zsh completion for crier, made by `crier completions zsh`.\n_crier() {\n"
      "  local curcontext=\"$curcontext\" state line\n  typeset -A opt_args\n"
      "  _arguments -C \\\n    '(-h --help)-h[Print this help]' \\\n    '(-h --help)--help[Print this help]' \\\n"
      "    '--version[Print version, compiler and kind of build]' \\\n    '1:command:->command' \\\n"
      "    '*::argument:->argument'\n  case $state in\n  command)\n    local -a commands=(\n";
  for (const config::Command& command : config::commands()) out += zsh_description(command.name, command.description);
  out += "    )\n    _describe command commands\n    ;;\n  argument)\n    case $words[1] in\n";
  for (const auto& [first, commands] : nested(usages)) out += zsh_nested(first, commands);
  for (const config::Usage* one : usages) {
    if (!path_of(*one).second.empty()) continue;
    out += "    " + std::string(path_of(*one).first) + ")\n" + zsh_arguments(*one, "      ") + "      ;;\n";
  }
  // Sourced by hand it registers itself; in $fpath it is the function's body.
  return out +
         "    esac\n    ;;\n  esac\n}\nif [[ $funcstack[1] == _crier ]]; then\n  _crier \"$@\"\nelse\n"
         "  compdef _crier crier\nfi\n";
}

std::string fish_completions(const Usages& usages) {
  std::string out(fish_head);
  for (const config::Command& command : config::commands()) {
    out += "complete -c crier -n __crier_only -a " + std::string(command.name) + " -d " +
           fish_quoted(command.description) + "\n";
  }
  for (const auto& [first, commands] : nested(usages)) {
    for (const config::Usage* one : commands) {
      out += "complete -c crier -n '__crier_only " + std::string(first) + "' -a " + std::string(path_of(*one).second) +
             " -d " + fish_quoted(one->summary) + "\n";
    }
  }
  for (const config::Usage* one : usages) out += fish_command(*one);
  return out;
}

const config::Usage& completions_usage() {
  return usage;
}

int completions(std::span<const std::string> arguments) {
  tools::Options options;
  if (const auto done = options.parse(usage, arguments)) return finish(*done);
  const std::string& name = options.words().front();
  const auto* const shell = std::ranges::find(shells, name, &Shell::name);
  if (shell == shells.end()) return fail_usage(usage, config::in_quotes(name) + ": expected bash, zsh or fish");
  std::fputs(shell->completions(all_usages()).c_str(), stdout);
  return printed(usage, exit_done);
}

}  // namespace crier::cli
