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
#include "broker/config/version.hpp"

namespace crier::config {
namespace {

constexpr int exit_usage = 2;

constexpr std::string_view root_footer =
    "Examples:\n"
    "  crier serve                     # one machine, no file: ws://127.0.0.1:8008/message\n"
    "  crier serve --help              # every option, with its default\n";

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
    "An option wins over the file, the file over the defaults. deploy/crier.toml explains every setting of the\n"
    "file. In protected mode, the default, only loopback addresses are accepted; a file with\n"
    "server.protected_mode = false lifts that. SIGTERM and SIGINT end the broker in order.\n"
    "Exit codes: 0 ended as asked, 1 could not run, 2 wrong options or configuration.\n";

// What the words were, before anything is known about their values.
struct Words {
  bool help = false;
  bool version = false;
  bool serve_help = false;
  bool echo = false;
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

CLI::App* add_serve(CLI::App& root, Words& words) {
  CLI::App* serve = root.add_subcommand("serve", "Run the broker");
  serve->set_help_flag();
  serve->allow_extras();
  serve->footer(std::string(serve_footer));
  // Values are taken as words and judged by the same rules as the file's: all faults at once, in the same terms.
  const auto add = [&](const char* name, std::vector<std::string>& into, const char* form, const char* description) {
    serve->add_option(name, into, description)->type_name(form)->allow_extra_args(false);
  };
  add("--config", words.config, "FILE", "Read settings from a TOML file (default: none)");
  add("--listen", words.listen, "HOST:PORT",
      "Listen there, repeatable (default: 127.0.0.1:8008)\nPort 0 takes a free one and prints it");
  add("--admin", words.admin, "HOST:PORT", "Metrics and health, loopback only (default: 127.0.0.1:9008)");
  add("--threads", words.threads, "N", "Threads that serve connections (default: 0, one per core)");
  add("--state-dir", words.state_dir, "DIR",
      "Keep history, positions and idempotency keys there over a\nrestart in order (default: none, they end with the "
      "broker)");
  serve->add_flag("--echo", words.echo, "Serve a WebSocket path /echo that returns every message")
      ->disable_flag_override();
  add("--log-level", words.log_level, "LEVEL", "debug, info, warn or error (default: info)");
  add("--log-format", words.log_format, "FORMAT", "text or json (default: text)");
  serve->add_flag("-h,--help", words.serve_help, "Print this help");
  return serve;
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

CommandLine serve_with(const Words& words, std::span<const Variable> variables) {
  Draft draft;
  Problems problems;
  bool understood = true;  // else nobody knows what the file wanted, and rules between settings would guess
  std::optional<Document> document;
  if (const std::string* path = only_word(draft, "--config", words.config)) {
    const auto text = read_file(*path);
    if (text) document = parse_file(draft, *text, *path);
    if (!text) problems.push_back(text.error());
    understood = document.has_value();
  }
  for (const Pass pass : passes) {
    if (document) read_document(draft, document->name, document->table, pass);
    read_environment(draft, variables, pass);
  }
  apply_flags(draft, words);
  settle(draft);
  if (understood) check_draft(draft);
  std::ranges::move(draft.problems(), std::back_inserter(problems));
  if (!problems.empty()) return fail(problems);

  CommandLine out;
  out.config = std::move(draft.config);
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

}  // namespace

CommandLine parse_command_line(int argc, const char* const* argv) {
  std::vector<std::string> environment;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) environment.emplace_back(*entry);
  return parse_command_line(argc, argv, environment);
}

CommandLine parse_command_line(int argc, const char* const* argv, std::span<const std::string> environment) {
  Words words;
  CLI::App root("Crier, a multi-threaded WebSocket message broker", "crier");
  root.set_help_flag();
  root.formatter(std::make_shared<HelpFormatter>());
  root.allow_extras();
  root.add_flag("-h,--help", words.help, "Print this help");
  root.add_flag("--version", words.version, "Print version, compiler and kind of build");
  root.footer(std::string(root_footer));
  CLI::App* serve = add_serve(root, words);

  std::vector<std::string> reversed;  // as this overload of the parser wants them
  for (int i = argc - 1; i > 0; --i) reversed.emplace_back(argv[i]);
  try {
    root.parse(reversed);
  } catch (const CLI::ParseError& fault) {
    return fail({describe_fault(fault)});
  }

  if (words.help) return finish(root.help());
  if (words.version) return finish(version_line() + "\n");
  if (words.serve_help) return finish(serve->help("crier"));

  constexpr std::array<std::string_view, 3> root_words{"serve", "--help", "--version"};
  constexpr std::array<std::string_view, 9> serve_words{
      "--config", "--listen", "--admin", "--threads", "--state-dir", "--echo", "--log-level", "--log-format", "--help"};
  Problems problems = unknown_words(root.remaining(), root_words, "crier --help");
  if (*serve)
    std::ranges::move(unknown_words(serve->remaining(), serve_words, "crier serve --help"),
                      std::back_inserter(problems));
  if (!problems.empty()) return fail(problems);
  if (*serve) return serve_with(words, configuration_variables(environment));

  CommandLine out = finish(root.help());
  out.exit_code = exit_usage;
  return out;
}

}  // namespace crier::config
