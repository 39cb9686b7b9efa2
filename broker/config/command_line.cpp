#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <iterator>
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
#include "broker/config/version.hpp"

namespace crier::config {
namespace {

constexpr int exit_usage = 2;

constexpr std::string_view root_footer =
    "Examples:\n"
    "  crier serve                     # one machine, no file: ws://127.0.0.1:8008/message\n"
    "  crier serve --help              # every option, with its default\n"
    "  crier check /etc/crier.toml     # is it sound, and who may do what?\n"
    "  crier config                    # every setting, its value, and where that came from\n";

constexpr std::string_view serve_footer =
    "Where to connect, with the defaults:\n"
    "  ws://127.0.0.1:8008/message     WebSocket, commands and messages as JSON\n"
    "  http://127.0.0.1:8008/message   POST one command, or an array of them\n"
    "  http://127.0.0.1:8008/          the demo page\n"
    "  http://127.0.0.1:9008/          /metrics, /healthz and /readyz\n"
    "\n"
    "Examples:\n"
    "  crier serve\n"
    "  crier serve --listen 127.0.0.1:0 --log-level debug\n"
    "  crier serve --listen 127.0.0.1:8008 --listen [::1]:8008 --threads 4\n"
    "  crier serve --config /etc/crier.toml --log-format json\n"
    "  crier serve --state-dir /var/lib/crier\n"
    "\n"
    "An option wins over the environment (CRIER_SERVER__THREADS=4: the key server.threads; "
    "CRIER_NAMESPACE__CHAT__PUBLISH:\n"
    "that of a namespace), the environment over the file, the file over the defaults. deploy/crier.toml explains "
    "every\n"
    "setting. In protected mode, the default, only loopback addresses are accepted; tokens, service keys or\n"
    "server.protected_mode = false lift that. SIGTERM and SIGINT end the broker in order.\n"
    "Exit codes: 0 ended as asked, 1 could not run, 2 wrong options or configuration.\n";

constexpr std::string_view config_footer =
    "Prints every setting as TOML that can be loaded again, each with where its value came from. Secrets are masked\n"
    "and have to be filled in first. Takes the options of `crier serve`, and the environment as that would.\n";

constexpr std::string_view check_footer =
    "Reads FILE, and the environment on top of it as `crier serve --config FILE` would. Exit code 0: sound; a summary\n"
    "says who may do what. Exit code 2: every problem, as FILE:LINE:COLUMN: message.\n";

// Subcommands with a command line of their own: what stands behind their names is handed on as it is.
struct Tool {
  const char* name;
  const char* description;
};
constexpr std::array tools{Tool{"drain", "End a running broker without losing anything"},
                           Tool{"health", "Ask a broker whether it is well"}, Tool{"key", "Make a service key"},
                           Tool{"token", "Make or look into a token"},
                           Tool{"bench", "Measure what a broker delivers, and how fast"}};

// What the words were, before anything is known about their values.
struct Words {
  bool help = false;
  bool version = false;
  bool command_help = false;
  bool echo = false;
  bool take_over = false;
  std::vector<std::string> checked;  // the file of `crier check`
  std::vector<std::string> config;
  std::vector<std::string> listen;
  std::vector<std::string> admin;
  std::vector<std::string> threads;
  std::vector<std::string> state_dir;
  std::vector<std::string> log_level;
  std::vector<std::string> log_format;
};

// The parser takes every option as often as it stands, and would print "..." behind each.
class HelpFormatter : public CLI::Formatter {
 public:
  std::string make_option_opts(const CLI::Option* option) const override {
    return option->get_type_name().empty() ? "" : " " + option->get_type_name();
  }
};

CLI::App* add_command(CLI::App& root, Words& words, const char* name, const char* description,
                      std::string_view footer) {
  CLI::App* command = root.add_subcommand(name, description);
  command->set_help_flag();
  command->allow_extras();
  command->footer(std::string(footer));
  command->add_flag("-h,--help", words.command_help, "Print this help");
  return command;
}

// The options of `serve`, which `config` takes too. Values are taken as words and judged by the same rules as the
// file's: all faults at once, in the same terms.
CLI::App* add_server_command(CLI::App& root, Words& words, const char* name, const char* description,
                             std::string_view footer) {
  CLI::App* command = add_command(root, words, name, description, footer);
  const auto add = [&](const char* option, std::vector<std::string>& into, const char* form, const char* text) {
    command->add_option(option, into, text)->type_name(form)->allow_extra_args(false);
  };
  add("--config", words.config, "FILE", "Read settings from a TOML file (default: none)");
  add("--listen", words.listen, "ADDRESS",
      "Listen there, HOST:PORT or unix:/PATH, repeatable\n(default: 127.0.0.1:8008). Port 0 takes a free one and "
      "prints it");
  add("--admin", words.admin, "HOST:PORT",
      "Metrics and health (default: 127.0.0.1:9008). Elsewhere than\non loopback it asks for a service key that "
      "manages");
  add("--threads", words.threads, "N", "Threads that serve connections (default: 0, one per core)");
  add("--state-dir", words.state_dir, "DIR",
      "Keep history, positions and idempotency keys there over a\nrestart in order (default: none, they end with the "
      "broker)");
  command->add_flag("--echo", words.echo, "Serve a WebSocket path /echo that returns every message")
      ->disable_flag_override();
  command
      ->add_flag("--take-over", words.take_over,
                 "Take over from the broker that runs on the same\n--state-dir: sockets, history, positions. Without "
                 "one, start as usual")
      ->disable_flag_override();
  add("--log-level", words.log_level, "LEVEL", "debug, info, warn or error (default: info)");
  add("--log-format", words.log_format, "FORMAT", "text or json (default: text)");
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
  if (!words.listen.empty()) {
    Array addresses;
    for (const std::string& word : words.listen) addresses.push_back(as_value(word));
    const Value value{{}, std::move(addresses)};
    CRIER_ASSERT(read_setting(draft, "server.listen", Source{"--listen", "", {}}, value));
  }
  apply("--admin", "server.admin", words.admin);
  apply("--threads", "server.threads", words.threads);
  apply("--state-dir", "server.state_dir", words.state_dir);
  apply("--log-level", "log.level", words.log_level);
  apply("--log-format", "log.format", words.log_format);
  draft.config.server.echo = words.echo;
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
  Loaded loaded = load(words.config, words, variables);
  if (const Problems problems = loaded.all_problems(); !problems.empty()) return fail(problems);
  CommandLine out;
  out.config = std::move(loaded.draft.config);
  if (!words.config.empty()) out.file = words.config.front();
  out.take_over = words.take_over;
  return out;
}

CommandLine print_with(const Words& words, std::span<const Variable> variables) {
  Loaded loaded = load(words.config, words, variables);
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
  for (const Tool& tool : tools) {
    if (arguments.empty() || std::string_view(arguments.front()) != tool.name) continue;
    CommandLine out;
    out.action = CommandLine::Action::tool;
    out.tool = tool.name;
    out.arguments.assign(arguments.begin() + 1, arguments.end());
    return out;
  }
  return std::nullopt;
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
  out.serve = add_server_command(root, words, "serve", "Run the broker", serve_footer);
  out.check = add_command(root, words, "check", "Judge a configuration file", check_footer);
  out.check->add_option("FILE", words.checked, "The file")->type_name("");
  out.config = add_server_command(root, words, "config", "Print the configuration in force", config_footer);
  for (const Tool& tool : tools) root.add_subcommand(tool.name, tool.description);
  return out;
}

Problems misplaced_words(const CLI::App& root, const CLI::App* command) {
  constexpr std::array<std::string_view, 7> root_words{"serve", "check",  "config",   "key",
                                                       "token", "--help", "--version"};
  constexpr std::array<std::string_view, 9> server_words{
      "--config", "--listen", "--admin", "--threads", "--state-dir", "--echo", "--log-level", "--log-format", "--help"};
  Problems problems = unknown_words(root.remaining(), root_words, "crier --help");
  if (command == nullptr) return problems;
  const std::span<const std::string_view> known =
      command->get_name() == "check" ? std::span(server_words).last(1) : std::span(server_words);
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
  root.footer(std::string(root_footer));
  const Commands commands = add_commands(root, words);

  // Reversed, as this overload of the parser wants them.
  std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
  try {
    root.parse(reversed);
  } catch (const CLI::ParseError& fault) {
    return fail({describe_fault(fault)});
  }

  const CLI::App* command = commands.given();
  if (words.help) return finish(root.help());
  if (words.version) return finish(version_line() + "\n");
  if (words.command_help) return finish(command->help("crier"));
  if (const Problems problems = misplaced_words(root, command); !problems.empty()) return fail(problems);

  const std::vector<Variable> variables = configuration_variables(environment);
  if (*commands.serve) return serve_with(words, variables);
  if (*commands.config) return print_with(words, variables);
  if (*commands.check) return check_with(words, variables);
  CommandLine out = finish(root.help());
  out.exit_code = exit_usage;
  return out;
}

}  // namespace crier::config
