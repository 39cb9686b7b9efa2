#include "broker/tools/options.hpp"

#include <algorithm>

#include "broker/config/names.hpp"

namespace crier::tools {

namespace {

constexpr std::size_t help_column = 28;

Outcome told(const Usage& usage, int exit_code, const std::string& what) {
  return {exit_code, "", std::string(usage.command) + ": " + what + "\n"};
}

const Option* option_named(const Usage& usage, std::string_view name) {
  const auto found = std::ranges::find(usage.options, name, &Option::name);
  return found == usage.options.end() ? nullptr : &*found;
}

std::string unknown_option(const Usage& usage, std::string_view name) {
  std::vector<std::string_view> names = {"--help"};
  for (const Option& option : usage.options) names.push_back(option.name);
  const std::string_view near = config::nearest(name, names);
  std::string fault = config::key_text(name) + ": unknown option";
  if (!near.empty()) fault += ", did you mean `" + std::string(near) + "`?";
  return fault;
}

}  // namespace

std::string help_text(const Usage& usage) {
  std::string text = std::string(usage.summary) + "\nUsage: " + std::string(usage.command) + " " +
                     std::string(usage.synopsis) + "\n\nOptions:\n";
  const auto line = [&](std::string_view name, std::string_view form, std::string_view help) {
    std::string row = "  " + std::string(name) + (form.empty() ? "" : " ") + std::string(form);
    row.resize(std::max(row.size() + 2, help_column), ' ');
    for (const char c : help) {
      row += c;
      if (c == '\n') row.append(help_column, ' ');
    }
    text += row + "\n";
  };
  for (const Option& option : usage.options) line(option.name, option.form, option.help);
  line("-h,--help", "", "Print this help");
  text += "\n" + std::string(usage.footer);
  if (usage.exit_codes.empty()) return text;
  text += "\nExit codes:\n";
  for (const config::ExitCode& exit : usage.exit_codes) {
    std::string row = "  " + std::to_string(exit.code);
    row.resize(7, ' ');
    text += row + std::string(exit.meaning) + "\n";
  }
  return text;
}

Outcome wrong_usage(const Usage& usage, const std::string& what) {
  return told(usage, exit_usage, what + "; see `" + std::string(usage.command) + " --help`.");
}

Outcome refused(const Usage& usage, const std::string& what) {
  return told(usage, exit_refused, what + ".");
}

std::optional<Outcome> Options::parse(const Usage& usage, std::span<const std::string> arguments) {
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    if (argument == "--help" || argument == "-h") return Outcome{exit_done, help_text(usage), ""};
    if (argument == "--") {  // POSIX 12.2, guideline 10: what follows is no option, whatever it looks like
      words_.insert(words_.end(), arguments.begin() + static_cast<std::ptrdiff_t>(i) + 1, arguments.end());
      break;
    }
    if (argument == "-" || !argument.starts_with('-')) {
      words_.push_back(argument);
      continue;
    }
    const std::size_t equals = argument.find('=');
    const std::string name = argument.substr(0, equals);
    const Option* option = option_named(usage, name);
    if (option == nullptr) return wrong_usage(usage, unknown_option(usage, name));
    if (!option->repeatable && has(name)) return wrong_usage(usage, name + ": given twice, expected once");
    std::string value;
    if (option->form.empty()) {
      if (equals != std::string::npos) return wrong_usage(usage, name + ": takes no value");
    } else if (equals != std::string::npos) {
      value = argument.substr(equals + 1);
    } else if (++i < arguments.size()) {
      value = arguments[i];
    } else {
      return wrong_usage(usage, name + ": its value is missing");
    }
    given_.push_back({option->name, std::move(value)});
  }
  if (words_.size() < usage.words_min) return wrong_usage(usage, "expected " + std::string(usage.synopsis));
  if (words_.size() > usage.words_max) {
    return wrong_usage(usage, config::key_text(words_[usage.words_max]) + ": unexpected argument");
  }
  return std::nullopt;
}

bool Options::has(std::string_view name) const {
  return std::ranges::find(given_, name, &Given::name) != given_.end();
}

std::vector<std::string> Options::all(std::string_view name) const {
  std::vector<std::string> values;
  for (const Given& given : given_) {
    if (given.name == name) values.push_back(given.value);
  }
  return values;
}

std::optional<std::string> Options::one(std::string_view name) const {
  const auto found = std::ranges::find(given_, name, &Given::name);
  if (found == given_.end()) return std::nullopt;
  return found->value;
}

}  // namespace crier::tools
