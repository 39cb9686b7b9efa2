#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "broker/config/config_loader.hpp"
#include "broker/config/version.hpp"
#include "tests/unit/broker/config/command_line_support.hpp"

namespace crier::config {
namespace {

constexpr const char* loopback_wanted =
    "expected a loopback address (127.0.0.1, [::1] or localhost) or a Unix socket while protected mode is in force. "
    "Whoever reaches another address could subscribe and publish. Tokens ([auth.jwt]) or service keys "
    "([[auth.service_key]]) lift that, or server.protected_mode = false.\n";

TEST(CommandLine, Serves_with_the_defaults_when_nothing_is_given) {
  EXPECT_EQ(config_of({"serve"}), Config{});
}

TEST(CommandLine, Brings_every_flag) {
  Config expected;
  expected.server.listen = {"127.0.0.1:0", "[::1]:80"};
  expected.server.admin = "localhost:9";
  expected.server.threads = 3;
  expected.server.echo = true;
  expected.server.state_dir = "state";
  expected.log.level = LogLevel::debug;
  expected.log.format = LogFormat::json;
  EXPECT_EQ(config_of({"serve", "--listen", "127.0.0.1:0", "--listen=[::1]:80", "--admin", "localhost:9", "--threads",
                       "3", "--state-dir", "state", "--echo", "--log-level", "debug", "--log-format=json"}),
            expected);
}

TEST(CommandLine, Lets_flags_win_over_the_file) {
  const File file(
      "[server]\nlisten = ['127.0.0.1:1', '127.0.0.1:2']\nthreads = 7\npaths = ['/p']\n[log]\nlevel = 'error'\n");
  const Config from_file = config_of({"serve", "--config", file.path()});
  EXPECT_EQ(from_file.server.listen, (std::vector<std::string>{"127.0.0.1:1", "127.0.0.1:2"}));
  EXPECT_EQ(from_file.server.threads, 7U);

  const Config both = config_of({"serve", "--threads", "2", "--listen", "127.0.0.1:3", "--config", file.path()});
  EXPECT_EQ(both.server.listen, std::vector<std::string>{"127.0.0.1:3"});
  EXPECT_EQ(both.server.threads, 2U);
  EXPECT_EQ(both.server.paths, std::vector<std::string>{"/p"});
  EXPECT_EQ(both.log.level, LogLevel::error);
}

TEST(CommandLine, Puts_the_state_elsewhere_or_nowhere_than_the_file_says) {
  const File file("server.state_dir = '/var/lib/crier'");
  EXPECT_EQ(config_of({"serve", "--config", file.path()}).server.state_dir, "/var/lib/crier");
  EXPECT_EQ(config_of({"serve", "--config", file.path(), "--state-dir", "/run/x y"}).server.state_dir, "/run/x y");
  EXPECT_EQ(config_of({"serve", "--config", file.path(), "--state-dir", ""}).server.state_dir, "");
  EXPECT_EQ(refusal({"serve", "--state-dir", "a\tb"}),
            "--state-dir: found \"a\\x09b\", expected a directory's path, as \"/var/lib/crier\", or \"\" for none. A "
            "control character in a path is a slip.\n");
  EXPECT_EQ(refusal({"serve", "--statedir", "x"}), "--statedir: unknown option, did you mean `--state-dir`?\n");
}

TEST(CommandLine, Judges_protected_mode_by_what_is_in_force) {
  EXPECT_EQ(refusal({"serve", "--listen", "127.0.0.1:1", "--listen", "0.0.0.0:8008"}),
            std::string("--listen: found \"0.0.0.0:8008\", ") + loopback_wanted);
  const File open("server.protected_mode = false\nserver.hosts = ['example.com']\nserver.listen = ['0.0.0.0:1']");
  EXPECT_EQ(refusal({"serve", "--config", open.path(), "--listen", "0.0.0.0:8008"}), "");
  const File closed("server.listen = ['0.0.0.0:1']");
  EXPECT_EQ(refusal({"serve", "--config", closed.path()}),
            closed.path() + ":1:18: server.listen[0]: found \"0.0.0.0:1\", " + loopback_wanted);
  EXPECT_EQ(refusal({"serve", "--config", closed.path(), "--listen", "127.0.0.1:1"}), "");
}

TEST(CommandLine, Tells_faults_of_the_file_and_of_flags_together) {
  const File file("[limits]\nheartbeat = 3\n[server]\nthreads = -1\n");
  EXPECT_EQ(refusal({"serve", "--log-level", "loud", "--config", file.path(), "--threads", "many", "--admin",
                     "10.0.0.1:9", "--listen", "nowhere"}),
            file.path() +
                ":2:1: limits.heartbeat: found 3, expected a duration from 1s to 1h with its unit, as "
                "\"500ms\", \"10s\", \"5m\" or \"1h\".\n" +
                file.path() +
                ":4:1: server.threads: found -1, expected an integer from 0 to 256. 0 takes one per core.\n"
                "--listen: found \"nowhere\", expected HOST:PORT, as \"127.0.0.1:8008\", \"[::1]:8008\" or "
                "\"localhost:8008\", or unix:/PATH.\n"
                "--threads: found \"many\", expected an integer from 0 to 256.\n"
                "--log-level: found \"loud\", expected \"debug\", \"info\", \"warn\" or \"error\".\n"
                "--admin: found \"10.0.0.1:9\", expected a loopback address (127.0.0.1, [::1] or localhost), or "
                "an [[auth.service_key]] with manage = true. On another address the administrative listener asks for "
                "such a key, and there is none.\n");
}

TEST(CommandLine, Leaves_rules_between_settings_alone_when_the_file_is_no_toml) {
  const File file("server.protected_mode = ");
  const std::string text = refusal({"serve", "--config", file.path(), "--listen", "0.0.0.0:1"});
  EXPECT_TRUE(text.starts_with(file.path() + ":1:")) << text;
  EXPECT_EQ(text.find("--listen"), std::string::npos) << text;
}

TEST(CommandLine, Names_the_path_and_the_reason_when_a_file_cannot_be_read) {
  EXPECT_EQ(refusal({"serve", "--config", "/no/such/crier.toml"}),
            "/no/such/crier.toml: cannot read it: No such file or directory.\n");
  EXPECT_EQ(refusal({"serve", "--config", "/"}), "/: cannot read it: Is a directory.\n");
}

TEST(CommandLine, Refuses_a_file_without_an_end) {
  EXPECT_EQ(refusal({"serve", "--config", "/dev/zero"}),
            "/dev/zero:1:1: not TOML: more than 1MiB is no configuration.\n");
}

TEST(CommandLine, Refuses_the_echo_path_twice) {
  const File file("server.paths = ['/message', '/echo']");
  EXPECT_EQ(refusal({"serve", "--config", file.path()}), "");
  EXPECT_EQ(refusal({"serve", "--config", file.path(), "--echo"}),
            file.path() + ":1:29: server.paths[1]: found \"/echo\", expected another path. --echo serves that one.\n");
}

TEST(CommandLine, Names_the_nearest_option_or_command) {
  EXPECT_EQ(refusal({"serve", "--lisen", "127.0.0.1:1", "--loglevel=info"}),
            "--lisen: unknown option, did you mean `--listen`?\n"
            "--loglevel: unknown option, did you mean `--log-level`?\n");
  EXPECT_EQ(refusal({"serve", "-x"}), "-x: unknown option, see `crier serve --help`.\n");
  EXPECT_EQ(refusal({"serve", "now"}), "now: unexpected argument, see `crier serve --help`.\n");
  EXPECT_EQ(refusal({"sevre"}), "sevre: unexpected argument, did you mean `serve`?\n");
  EXPECT_EQ(refusal({"--versoin"}), "--versoin: unknown option, did you mean `--version`?\n");
}

TEST(CommandLine, Says_what_is_wrong_with_an_option) {
  EXPECT_EQ(refusal({"serve", "--threads"}), "--threads: its value is missing, see `crier serve --help`.\n");
  EXPECT_EQ(refusal({"serve", "--echo=yes"}), "--echo: takes no value.\n");
  EXPECT_EQ(refusal({"serve", "--threads", "1", "--threads", "2"}), "--threads: given 2 times, expected once.\n");
  EXPECT_EQ(refusal({"serve", "--threads", "1.5"}), "--threads: found \"1.5\", expected an integer from 0 to 256.\n");
  EXPECT_EQ(refusal({"serve", "--threads", "257"}),
            "--threads: found 257, expected an integer from 0 to 256. More "
            "threads than cores only take turns.\n");
  EXPECT_EQ(refusal({"serve", "--log-format", "xml"}), "--log-format: found \"xml\", expected \"text\" or \"json\".\n");
}

TEST(CommandLine, Prints_its_help_and_fails_when_it_is_not_told_what_to_do) {
  const std::string help = run({"--help"}).output;
  EXPECT_EQ(refusal({}), help);
  EXPECT_EQ(parse_command_line(0, nullptr).output, help);
}

TEST(CommandLine, Helps_with_every_option_its_default_and_examples) {
  const CommandLine root = run({"--help"});
  EXPECT_EQ(root.action, CommandLine::Action::finished);
  EXPECT_EQ(root.exit_code, 0);
  EXPECT_NE(root.output.find("crier serve --help"), std::string::npos);

  const CommandLine serve = run({"serve", "--help"});
  EXPECT_EQ(serve.action, CommandLine::Action::finished);
  EXPECT_EQ(serve.exit_code, 0);
  for (const char* text : {"Usage: crier serve [OPTIONS]\n", "--config FILE ", "--listen ADDRESS ",
                           "(default: 127.0.0.1:8008)", "--admin HOST:PORT ", "(default: 127.0.0.1:9008)",
                           "--threads N ", "--state-dir DIR ", "--echo ", "--log-level LEVEL ", "--log-format FORMAT ",
                           "--help ", "ws://127.0.0.1:8008/message", "Examples:\n  crier serve\n"}) {
    EXPECT_NE(serve.output.find(text), std::string::npos) << text;
  }
  EXPECT_EQ(run({"serve", "-h", "--threads", "many"}).output, serve.output);
}

TEST(CommandLine, Hands_the_words_of_a_tool_on_as_they_are) {
  const CommandLine line = run({"key", "new", "orders", "--help", "-x=1"});
  EXPECT_EQ(line.action, CommandLine::Action::tool);
  EXPECT_EQ(line.tool, "key");
  EXPECT_EQ(line.arguments, (std::vector<std::string>{"new", "orders", "--help", "-x=1"}));
  EXPECT_EQ(run({"token"}).tool, "token");
}

TEST(CommandLine, Names_the_file_that_it_read) {
  const File file("");
  EXPECT_EQ(run({"serve"}).file, "");
  EXPECT_EQ(run({"serve", "--config", file.path()}).file, file.path());
  EXPECT_EQ(run({"check", file.path()}).file, file.path());
}

TEST(Check, Says_that_a_file_is_sound_and_what_it_allows) {
  const File file(
      "[server]\nlisten = ['0.0.0.0:80', 'unix:/run/crier']\nhosts = ['a.example']\n[auth.jwt]\nsecret = '" +
      std::string(32, 's') + "'\n[[auth.service_key]]\nname = 'orders'\nsha256 = '" + std::string(64, '0') +
      "'\npublish = ['orders.>', 'log']\nmanage = true\n[[auth.service_key]]\nname = 'idle'\nsha256 = '" +
      std::string(64, '1') + "'\n[namespace.chat]\nsubscribe = 'authenticated'\nhistory_access = 'nobody'\n");
  const CommandLine line = run({"check", file.path()});
  EXPECT_EQ(line.action, CommandLine::Action::check);
  EXPECT_EQ(line.exit_code, 0);
  EXPECT_EQ(line.output, file.path() +
                             ": OK\n"
                             "  listens on 0.0.0.0:80, unix:/run/crier; administration on 127.0.0.1:9008\n"
                             "  tokens: [HS256]\n"
                             "  service key orders: publish orders.>, log; manage.\n"
                             "  service key idle is granted no channel.\n"
                             "  without a token or key: as anyone\n"
                             "  namespace   subscribe      publish        history        presence       patterns\n"
                             "  chat        authenticated  granted        nobody         subscribers    granted\n"
                             "  default     anyone         granted        subscribers    subscribers    granted\n");
}

TEST(Check, Tells_every_problem_as_serve_would) {
  const File file("[server]\nthreads = 300\nlisen = []\n");
  EXPECT_EQ(refusal({"check", file.path()}), refusal({"serve", "--config", file.path()}));
  EXPECT_EQ(refusal({"check", "/no/such/crier.toml"}),
            "/no/such/crier.toml: cannot read it: No such file or directory.\n");
}

TEST(Check, Wants_one_file_and_no_option) {
  EXPECT_EQ(refusal({"check"}), "FILE: given 0 times, expected once, see `crier check --help`.\n");
  EXPECT_EQ(refusal({"check", "a", "b"}), "FILE: given 2 times, expected once, see `crier check --help`.\n");
  EXPECT_EQ(refusal({"check", "a", "--threads", "3"}), "--threads: unknown option, see `crier check --help`.\n");
  EXPECT_NE(run({"check", "--help"}).output.find("Usage: crier check"), std::string::npos);
}

TEST(CommandLine, Tells_its_version) {
  const CommandLine line = run({"--version"});
  EXPECT_EQ(line.action, CommandLine::Action::finished);
  EXPECT_EQ(line.exit_code, 0);
  EXPECT_EQ(line.output, version_line() + "\n");
  EXPECT_TRUE(line.output.starts_with("crier " + std::string(version()) + " (")) << line.output;
}

}  // namespace
}  // namespace crier::config
