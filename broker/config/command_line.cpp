#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/config/config_loader.hpp"
#include "broker/config/draft.hpp"
#include "broker/config/environment.hpp"
#include "broker/config/file.hpp"
#include "broker/config/keys.hpp"
#include "broker/config/names.hpp"
#include "broker/config/print.hpp"
#include "broker/config/usage.hpp"
#include "broker/config/version.hpp"

namespace crier::config {
namespace {

constexpr int exit_usage = 2;

// What the words were, before anything is known about their values.
struct Words {
  bool help = false;
  bool version = false;
  bool command_help = false;
  std::vector<std::string> checked;  // the file of `crier check`
  // By the option's name. Switches that were given have an entry in `switches` that is true.
  std::map<std::string_view, std::vector<std::string>> values;
  std::map<std::string_view, bool> switches;

  [[nodiscard]] const std::vector<std::string>& all(std::string_view option) const {
    static const std::vector<std::string> none;
    const auto found = values.find(option);
    return found == values.end() ? none : found->second;
  }
  [[nodiscard]] bool has(std::string_view option) const {
    const auto found = switches.find(option);
    return found != switches.end() && found->second;
  }
};

// The parser takes every option as often as it stands, and would print "..." behind each.
class HelpFormatter : public CLI::Formatter {
 public:
  std::string make_option_opts(const CLI::Option* option) const override {
    return option->get_type_name().empty() ? "" : " " + option->get_type_name();
  }
};

CLI::App* add_command(CLI::App& root, Words& words, const Usage& usage) {
  const std::string_view name = usage.command.substr(usage.command.find(' ') + 1);
  CLI::App* command = root.add_subcommand(std::string(name), std::string(usage.summary));
  command->set_help_flag();
  command->allow_extras();
  command->footer(std::string(usage.footer));
  command->add_flag("-h,--help", words.command_help, "Print this help");
  // Values are taken as words and judged by the same rules as the file's: all faults at once, in the same terms.
  for (const Option& option : usage.options) {
    const std::string option_name(option.name);
    const std::string help(option.help);
    if (option.form.empty()) {
      command->add_flag(option_name, words.switches[option.name], help)->disable_flag_override();
    } else {
      command->add_option(option_name, words.values[option.name], help)
          ->type_name(std::string(option.form))
          ->allow_extra_args(false);
    }
  }
  return command;
}

Problem unknown_word(const std::string& word, std::span<const std::string_view> known, std::string_view help) {
  const bool option = word.starts_with('-');
  const std::string name = option ? word.substr(0, word.find('=')) : word;
  const std::string_view near = nearest(name, known);
  return {key_text(name), std::string(option ? "unknown option, " : "unexpected argument, ") +
                              (near.empty() ? concat({"see `", help, "`."}) : concat({"did you mean `", near, "`?"}))};
}

// What the parser could not place. The word behind an unknown option is taken for its value.
Problems unknown_words(const std::vector<std::string>& left, std::span<const std::string_view> known,
                       std::string_view help) {
  Problems problems;
  bool value_may_follow = false;
  for (const std::string& word : left) {
    const bool option = word.starts_with('-');
    if (option || !value_may_follow) problems.push_back(unknown_word(word, known, help));
    value_may_follow = option && word.find('=') == std::string::npos;
  }
  return problems;
}

CommandLine finish(std::string output) {
  CommandLine out;
  out.action = CommandLine::Action::finished;
  out.output = std::move(output);
  return out;
}

CommandLine fail(const Problems& problems) {
  CommandLine out = finish("");
  out.exit_code = exit_usage;
  for (const Problem& problem : problems) out.output += problem.text() + "\n";
  return out;
}

Value as_value(const std::string& word) {
  return {{}, word};
}

// The one word of an option that may stand once; a second is a problem.
const std::string* only_word(Draft& draft, const char* flag, const std::vector<std::string>& words) {
  if (words.empty()) return nullptr;
  if (words.size() == 1) return &words.front();
  draft.add_problem(Source{flag, "", {}}, "given " + std::to_string(words.size()) + " times, expected once.");
  return nullptr;
}

void apply_flags(Draft& draft, const Words& words) {
  const auto apply = [&](const char* flag, const char* id, const std::vector<std::string>& given) {
    if (const std::string* word = only_word(draft, flag, given)) {
      CRIER_ASSERT(read_setting(draft, id, Source{flag, "", {}}, as_value(*word)));
    }
  };
  if (!words.all("--listen").empty()) {
    Array addresses;
    for (const std::string& word : words.all("--listen")) addresses.push_back(as_value(word));
    const Value value{{}, std::move(addresses)};
    CRIER_ASSERT(read_setting(draft, "server.listen", Source{"--listen", "", {}}, value));
  }
  apply("--admin", "server.admin", words.all("--admin"));
  apply("--threads", "server.threads", words.all("--threads"));
  apply("--state-dir", "server.state_dir", words.all("--state-dir"));
  apply("--log-level", "log.level", words.all("--log-level"));
  apply("--log-format", "log.format", words.all("--log-format"));
  draft.config.server.echo = words.has("--echo");
}

// A configuration from all its sources, not yet judged by the rules between settings where `understood` is false:
// nobody knows then what the file wanted, and they would guess.
struct Loaded {
  Draft draft;
  Problems problems;  // that have no place in the draft
  bool understood = true;

  [[nodiscard]] Problems all_problems() {
    if (understood) check_draft(draft);
    Problems all = problems;
    std::ranges::move(draft.problems(), std::back_inserter(all));
    return all;
  }
};

Loaded load(const std::vector<std::string>& paths, const Words& words, std::span<const Variable> variables) {
  Loaded out;
  std::optional<Document> document;
  if (const std::string* path = only_word(out.draft, "--config", paths)) {
    const auto text = read_file(*path);
    if (text) document = parse_file(out.draft, *text, *path);
    if (!text) out.problems.push_back(text.error());
    out.understood = document.has_value();
  }
  for (const Pass pass : passes) {
    if (document) read_document(out.draft, document->name, document->table, pass);
    read_environment(out.draft, variables, pass);
  }
  apply_flags(out.draft, words);
  settle(out.draft);
  return out;
}

CommandLine serve_with(const Words& words, std::span<const Variable> variables) {
  Loaded loaded = load(words.all("--config"), words, variables);
  if (const Problems problems = loaded.all_problems(); !problems.empty()) return fail(problems);
  CommandLine out;
  out.config = std::move(loaded.draft.config);
  if (!words.all("--config").empty()) out.file = words.all("--config").front();
  out.take_over = words.has("--take-over");
  return out;
}

CommandLine print_with(const Words& words, std::span<const Variable> variables) {
  Loaded loaded = load(words.all("--config"), words, variables);
  if (const Problems problems = loaded.all_problems(); !problems.empty()) return fail(problems);
  return finish(print_config(loaded.draft));
}

CommandLine check_with(const Words& words, std::span<const Variable> variables) {
  if (words.checked.size() != 1) {
    const std::string given = std::to_string(words.checked.size());
    return fail({{"FILE", "given " + given + " times, expected once, see `crier check --help`."}});
  }
  Loaded loaded = load(words.checked, words, variables);
  if (const Problems problems = loaded.all_problems(); !problems.empty()) return fail(problems);
  CommandLine out;
  out.action = CommandLine::Action::check;
  out.file = words.checked.front();
  out.output = out.file + ": OK\n" + print_summary(loaded.draft.config);
  out.config = std::move(loaded.draft.config);
  return out;
}

// The parser's own faults: an option without its value, or a value for one that takes none. Its texts are
// "--threads: 1 required N missing" and "echo was given a disallowed flag override".
Problem describe_fault(const CLI::ParseError& fault) {
  const std::string text = fault.what();
  const std::string first = text.substr(0, text.find_first_of(": "));
  if (text.starts_with("--")) return {first, "its value is missing, see `crier serve --help`."};
  if (text.ends_with("flag override")) return {"--" + first, "takes no value."};
  return {"crier", text + "."};
}

// A tool's words are its own: nothing of them is parsed here.
std::optional<CommandLine> tool_line(std::span<const char* const> arguments) {
  if (arguments.empty()) return std::nullopt;
  const std::string_view word = arguments.front();
  const auto command = std::ranges::find(commands(), word, &Command::name);
  if (command == commands().end() || command->kind == Command::Kind::server) return std::nullopt;
  CommandLine out;
  out.action = CommandLine::Action::tool;
  out.tool = word;
  out.arguments.assign(arguments.begin() + 1, arguments.end());
  return out;
}

std::vector<std::string> own_environment() {
  std::vector<std::string> environment;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) environment.emplace_back(*entry);
  return environment;
}

struct Commands {
  CLI::App* serve = nullptr;
  CLI::App* check = nullptr;
  CLI::App* config = nullptr;

  // The one that was given; null: none.
  [[nodiscard]] CLI::App* given() const {
    for (CLI::App* const command : {serve, check, config}) {
      if (*command) return command;
    }
    return nullptr;
  }
};

Commands add_commands(CLI::App& root, Words& words) {
  Commands out;
  out.serve = add_command(root, words, serve_usage());
  out.check = add_command(root, words, check_usage());
  out.check->add_option("FILE", words.checked, "The file")->type_name("");
  out.config = add_command(root, words, config_usage());
  for (const Command& command : commands()) {
    if (command.kind == Command::Kind::server) continue;
    root.add_subcommand(std::string(command.name), std::string(command.description));
  }
  return out;
}

Problems misplaced_words(const CLI::App& root, const CLI::App* command) {
  std::vector<std::string_view> root_words = {"--help", "--version"};
  for (const Command& known : commands()) root_words.push_back(known.name);
  Problems problems = unknown_words(root.remaining(), root_words, "crier --help");
  if (command == nullptr) return problems;
  std::vector<std::string_view> known = {"--help"};
  if (command->get_name() != "check") {
    for (const Option& option : serve_usage().options) known.push_back(option.name);
  }
  std::ranges::move(unknown_words(command->remaining(), known, "crier " + command->get_name() + " --help"),
                    std::back_inserter(problems));
  return problems;
}

}  // namespace

CommandLine parse_command_line(int argc, const char* const* argv) {
  return parse_command_line(argc, argv, own_environment());
}

CommandLine parse_command_line(int argc, const char* const* argv, std::span<const std::string> environment) {
  const std::size_t count = argc > 1 ? static_cast<std::size_t>(argc) - 1 : 0;
  const std::span<const char* const> arguments(count > 0 ? argv + 1 : nullptr, count);
  if (auto tool = tool_line(arguments)) return std::move(*tool);

  Words words;
  CLI::App root("Crier, a multi-threaded WebSocket message broker", "crier");
  root.set_help_flag();
  root.formatter(std::make_shared<HelpFormatter>());
  root.allow_extras();
  root.add_flag("-h,--help", words.help, "Print this help");
  root.add_flag("--version", words.version, "Print version, compiler and kind of build");
  root.footer(std::string(root_footer()));
  const Commands server_commands = add_commands(root, words);

  // Reversed, as this overload of the parser wants them.
  std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
  try {
    root.parse(reversed);
  } catch (const CLI::ParseError& fault) {
    return fail({describe_fault(fault)});
  }

  const CLI::App* command = server_commands.given();
  if (words.help) return finish(root.help());
  if (words.version) return finish(version_line() + "\n");
  if (words.command_help) return finish(command->help("crier"));
  if (const Problems problems = misplaced_words(root, command); !problems.empty()) return fail(problems);

  const std::vector<Variable> variables = configuration_variables(environment);
  if (*server_commands.serve) return serve_with(words, variables);
  if (*server_commands.config) return print_with(words, variables);
  if (*server_commands.check) return check_with(words, variables);
  CommandLine out = finish(root.help());
  out.exit_code = exit_usage;
  return out;
}

}  // namespace crier::config
