// `crier config`: what is in force, in a form that loads again.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/unit/broker/config/command_line_support.hpp"
#include "tests/unit/broker/config/support.hpp"

namespace crier::config {
namespace {

using Texts = std::vector<std::string>;

std::string printed(std::vector<std::string> words, const std::vector<std::string>& environment = {}) {
  words.insert(words.begin(), "config");
  const CommandLine line = run(words, environment);
  EXPECT_EQ(line.action, CommandLine::Action::finished);
  EXPECT_EQ(line.exit_code, 0) << line.output;
  return line.output;
}

// The line that sets a key, by its place in the whole text: keys of the same name stand in many tables.
std::string line_of(const std::string& text, const std::string& table, const std::string& key) {
  const auto header = text.find("\n" + table + "\n");
  EXPECT_NE(header, std::string::npos) << table;
  const auto begin = text.find("\n" + key + " = ", header) + 1;
  std::string line = text.substr(begin, text.find('\n', begin) - begin);
  for (std::size_t at = line.find("  "); at != std::string::npos; at = line.find("  ")) line.erase(at, 1);
  return line;
}

TEST(PrintedConfig, Loads_again_as_what_it_was) {
  const std::string text = R"([server]
listen = ["127.0.0.1:1", "unix:/a \"b\" \\ c"]
origins = ["same", "https://*.example.com"]
hosts = ["a.example"]
trusted_proxies = ["10.0.0.0/8"]
[tls]
certificate = "a"
private_key = "b"
[[tls.host]]
name = "*.a.example"
certificate = "c"
private_key = "d"
[auth]
leeway = "1s"
[auth.jwt]
algorithms = ["ES256", "RS256"]
jwks = "f.json"
issuer = "grün \" \\ "
[[auth.service_key]]
name = "orders"
sha256 = "00112233445566778899AABBCCDDEEFF00112233445566778899aabbccddeeff"
publish = ["a.>", "b"]
manage = true
[[auth.service_key]]
name = "more"
sha256 = "10112233445566778899AABBCCDDEEFF00112233445566778899aabbccddeeff"
[limits]
heartbeat = "1500ms"
outbox_bytes_max = 1048577
[namespace.default]
history = { age = "3m" }
[namespace.chat]
history = { messages = 5 }
publish = "authenticated"
pattern_access = "anyone"
[log]
format = "json"
)";
  const File file(text);
  const std::string first = printed({"--config", file.path()});
  EXPECT_EQ(parsed(first), parsed(text));
  const File again(first, "again");
  EXPECT_EQ(config_of({"serve", "--config", again.path()}), parsed(text));
}

TEST(PrintedConfig, Of_nothing_is_the_defaults_with_every_key) {
  const std::string text = printed({});
  EXPECT_EQ(parsed(text), Config{});
  for (const std::string& key : supported_keys()) {
    if (key.find("[]") != std::string::npos) continue;
    const std::size_t star = key.find("*.");
    const std::string name = star == std::string::npos ? key.substr(key.rfind('.') + 1) : key.substr(star + 2);
    EXPECT_NE(text.find(name + " = "), std::string::npos) << key;
  }
}

TEST(PrintedConfig, Says_of_each_value_where_it_came_from) {
  const File file(
      "[server]\nhosts = ['a']\nthreads = 2\nadmin = '[::1]:9'\n[auth.jwt]\nissuer = 'x'\n"
      "[namespace.default]\noverflow = 'conflate'\n"
      "[namespace.chat]\npublish = 'nobody'\n[[auth.service_key]]\nname = 'a'\nsha256 = '" +
      std::string(64, 'A') + "'\n");
  const std::string text =
      printed({"--config", file.path(), "--threads", "3"},
              {"CRIER_LOG__LEVEL=debug", "CRIER_NAMESPACE__DEFAULT__PRESENCE=false", "CRIER_SERVER__THREADS=1"});
  const std::string at = " # " + file.path() + ":";
  EXPECT_EQ(line_of(text, "[server]", "hosts"), "hosts = [\"a\"]" + at + "2:1");
  EXPECT_EQ(line_of(text, "[server]", "threads"), "threads = 3 # --threads");
  EXPECT_EQ(line_of(text, "[server]", "paths"), "paths = [\"/message\"] # default");
  EXPECT_EQ(line_of(text, "[log]", "level"), "level = \"debug\" # CRIER_LOG__LEVEL");
  EXPECT_EQ(line_of(text, "[[auth.service_key]]", "sha256"), "sha256 = \"" + std::string(64, 'a') + "\"" + at + "13:1");
  EXPECT_EQ(line_of(text, "[[auth.service_key]]", "manage"), "manage = false # default");
  EXPECT_EQ(line_of(text, "[namespace.default]", "publish"), "publish = \"granted\" # default with tokens or keys");
  EXPECT_EQ(line_of(text, "[namespace.chat]", "publish"), "publish = \"nobody\"" + at + "10:1");
  EXPECT_EQ(line_of(text, "[namespace.chat]", "overflow"),
            "overflow = \"conflate\" # as namespace.default: " + file.path() + ":8:1");
  EXPECT_EQ(line_of(text, "[namespace.chat]", "presence"),
            "presence = false # as namespace.default: CRIER_NAMESPACE__DEFAULT__PRESENCE");
  EXPECT_EQ(line_of(text, "[namespace.chat]", "history.age"), "history.age = \"2m\" # default");
  EXPECT_EQ(line_of(text, "[server]", "# origins"), "# origins = [\"same\"] # default, as it is not set");
  EXPECT_EQ(line_of(printed({}), "[server]", "# origins"),
            "# origins = [\"same\", \"local\"] # default, as it is not set and protected mode is in force");
  EXPECT_EQ(line_of(printed({}), "[namespace.default]", "publish"),
            "publish = \"anyone\" # default without tokens and keys");
}

TEST(PrintedConfig, Masks_the_secret_which_then_is_refused) {
  const std::string secret = "0123456789abcdef0123456789abcdef";
  const std::string text = printed({}, {"CRIER_AUTH__JWT__SECRET=" + secret, "CRIER_SERVER__HOSTS=a"});
  EXPECT_EQ(text.find(secret), std::string::npos);
  EXPECT_EQ(line_of(text, "[auth.jwt]", "secret"), "secret = \"********\" # CRIER_AUTH__JWT__SECRET, not shown");
  const auto lines = faults(text);
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_NE(lines[0].find("Stars are what `crier config` prints in its place."), std::string::npos) << lines[0];
  EXPECT_EQ(line_of(printed({}), "[auth.jwt]", "secret"), "secret = \"\" # default");
}

TEST(PrintedConfig, Keeps_a_strange_file_name_in_its_comment) {
  const File file("server.threads = 3", "\nlisten = 5 #");
  EXPECT_EQ(parsed(printed({"--config", file.path()})).server.threads, 3U);
}

TEST(PrintedConfig, Is_not_printed_when_it_is_not_sound) {
  const File file("[server]\nthreads = 300\n");
  EXPECT_EQ(refusal({"config", "--config", file.path()}), refusal({"serve", "--config", file.path()}));
  EXPECT_EQ(refusal({"config", "now"}), "now: unexpected argument, see `crier config --help`.\n");
}

TEST(PrintedConfig, Tells_of_the_flag_that_no_key_stands_for) {
  EXPECT_NE(printed({"--echo"}).find("# Set by no key: --echo\n"), std::string::npos);
}

}  // namespace
}  // namespace crier::config
