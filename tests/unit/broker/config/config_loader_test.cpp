#include "broker/config/config_loader.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/unit/broker/config/support.hpp"

namespace crier::config {
namespace {

using Texts = std::vector<std::string>;

TEST(ParseToml, Takes_an_empty_file_for_the_defaults) {
  EXPECT_EQ(parsed(""), Config{});
  EXPECT_EQ(parsed("# nothing\n\n[server]\n[limits]\n[namespace.default]\n"), Config{});
}

TEST(ParseToml, Brings_every_key_of_server) {
  const Server server = parsed(R"([server]
listen = ["127.0.0.1:1", "[::1]:2", "localhost:3", "0.0.0.0:0", "unix:/run/crier.sock"]
admin = "[::1]:9"
admin_hosts = ["metrics.example.com", "10.0.0.1", "[2001:db8::1]"]
threads = 256
paths = ["/a", "/b/c"]
origins = ["same", "local", "*", "https://*.example.com", "http://example.com:8080", "http://[::1]:80", "app://x"]
hosts = ["crier.example.com", "[2001:db8::1]"]
trusted_proxies = ["10.0.0.0/8", "192.0.2.7", "2001:db8::/32", "::1"]
proxy_protocol = true
protected_mode = false
demo_page = true
drain_timeout = "2m"
state_dir = "/var/lib/crier"
)")
                            .server;
  EXPECT_EQ(server.listen, (Texts{"127.0.0.1:1", "[::1]:2", "localhost:3", "0.0.0.0:0", "unix:/run/crier.sock"}));
  EXPECT_EQ(server.admin, "[::1]:9");
  EXPECT_EQ(server.admin_hosts, (Texts{"metrics.example.com", "10.0.0.1", "[2001:db8::1]"}));
  EXPECT_EQ(server.threads, 256U);
  EXPECT_EQ(server.paths, (Texts{"/a", "/b/c"}));
  EXPECT_EQ(server.origins, (Texts{"same", "local", "*", "https://*.example.com", "http://example.com:8080",
                                   "http://[::1]:80", "app://x"}));
  EXPECT_EQ(server.hosts, (Texts{"crier.example.com", "[2001:db8::1]"}));
  EXPECT_EQ(server.trusted_proxies, (Texts{"10.0.0.0/8", "192.0.2.7", "2001:db8::/32", "::1"}));
  EXPECT_TRUE(server.proxy_protocol);
  EXPECT_FALSE(server.protected_mode);
  EXPECT_TRUE(server.demo_page);
  EXPECT_FALSE(server.echo);
  EXPECT_EQ(server.drain_timeout, std::chrono::minutes(2));
  EXPECT_EQ(server.state_dir, "/var/lib/crier");
}

TEST(ParseToml, Tells_an_empty_list_of_origins_from_none) {
  EXPECT_EQ(parsed("[server]").server.origins, std::nullopt);
  EXPECT_EQ(parsed("[server]\norigins = []").server.origins, Texts{});
}

TEST(ParseToml, Brings_every_key_of_limits) {
  const Limits limits = parsed(R"([limits]
connections_max = 1
connections_per_ip_max = 3
connects_per_second_max = 4
handshake_timeout = "100ms"
body_timeout = "2s"
idle_timeout = "1h"
heartbeat = "3m"
header_bytes_max = "1KiB"
incoming_bytes_max = "1GiB"
channels_per_connection_max = 5
commands_per_second_max = 6
outbox_bytes_max = "2MiB"
outbox_total_bytes_max = "7GiB"
inflight_bytes_max = 3000000
channels_max = 9
history_bytes_max = "16MiB"
idempotency_keys_max = 77
)")
                            .limits;
  Limits expected;
  expected.connections_max = 1;
  expected.connections_per_ip_max = 3;
  expected.connects_per_second_max = 4;
  expected.handshake_timeout = milliseconds(100);
  expected.body_timeout = milliseconds(2'000);
  expected.idle_timeout = milliseconds(3'600'000);
  expected.heartbeat = milliseconds(180'000);
  expected.header_bytes_max = 1'024;
  expected.incoming_bytes_max = 1'073'741'824;
  expected.channels_per_connection_max = 5;
  expected.commands_per_second_max = 6;
  expected.outbox_bytes_max = 2'097'152;
  expected.outbox_total_bytes_max = 7'516'192'768;
  expected.inflight_bytes_max = 3'000'000;
  expected.channels_max = 9;
  expected.history_bytes_max = 16'777'216;
  expected.idempotency_keys_max = 77;
  EXPECT_EQ(limits, expected);
}

TEST(ParseToml, Brings_every_key_of_compression_and_log) {
  const Config config = parsed(R"([compression]
enabled = false
min_bytes = "512B"
level = 9
[log]
level = "warn"
format = "json"
)");
  EXPECT_FALSE(config.compression.enabled);
  EXPECT_EQ(config.compression.min_bytes, 512U);
  EXPECT_EQ(config.compression.level, 9);
  EXPECT_EQ(config.log.level, LogLevel::warn);
  EXPECT_EQ(config.log.format, LogFormat::json);
}

TEST(ParseToml, Knows_every_level_of_the_log) {
  EXPECT_EQ(parsed("log.level = 'debug'").log.level, LogLevel::debug);
  EXPECT_EQ(parsed("log.level = 'info'").log.level, LogLevel::info);
  EXPECT_EQ(parsed("log.level = 'warn'").log.level, LogLevel::warn);
  EXPECT_EQ(parsed("log.level = 'error'").log.level, LogLevel::error);
}

TEST(ParseToml, Brings_every_key_of_a_namespace) {
  const Config config = parsed(R"([namespace.chat-1_B]
subscribe = "nobody"
publish = "nobody"
overflow = "conflate"
message_bytes_max = "4KiB"
rate = 7
compression = false
history_access = "nobody"
presence_access = "nobody"
pattern_access = "nobody"
history = { messages = 1000, age = "24h" }
presence = false
presence_watch_max = 0
idempotency_window = "10m"
)");
  EXPECT_EQ(config.namespaces.size(), 2U);
  EXPECT_EQ(config.settings_of("default"), Namespace{});
  Namespace expected;
  expected.subscribe = Who::nobody;
  expected.publish = Who::nobody;
  expected.overflow = Overflow::conflate;
  expected.message_bytes_max = 4'096;
  expected.rate = 7;
  expected.compression = false;
  expected.history_access = Access::nobody;
  expected.presence_access = Access::nobody;
  expected.pattern_access = Access::nobody;
  expected.history = {1'000, milliseconds(86'400'000)};
  expected.presence = false;
  expected.presence_watch_max = 0;
  expected.idempotency_window = milliseconds(600'000);
  EXPECT_EQ(config.settings_of("chat-1_B"), expected);
}

TEST(ParseToml, Lets_namespaces_inherit_from_default_wherever_it_stands) {
  for (const std::string_view text : {"[namespace.default]\npublish = 'nobody'\nmessage_bytes_max = 100\n"
                                      "[namespace.a]\nmessage_bytes_max = 50\n[namespace.z]\ncompression = false\n",
                                      "[namespace.a]\nmessage_bytes_max = 50\n[namespace.z]\ncompression = false\n"
                                      "[namespace.default]\npublish = 'nobody'\nmessage_bytes_max = 100\n"}) {
    const Config config = parsed(text);
    Namespace expected;
    expected.publish = Who::nobody;
    expected.message_bytes_max = 50;
    EXPECT_EQ(config.settings_of("a"), expected);
    expected.message_bytes_max = 100;
    expected.compression = false;
    EXPECT_EQ(config.settings_of("z"), expected);
  }
}

TEST(ParseToml, Takes_a_history_in_one_line_or_as_a_table_of_its_own) {
  for (const std::string_view text : {"[namespace.chat]\nhistory = { messages = 7, age = '1h' }\n",
                                      "[namespace.chat.history]\nmessages = 7\nage = '1h'\n",
                                      "[namespace.chat]\nhistory.messages = 7\nhistory.age = '1h'\n",
                                      "namespace.chat.history.messages = 7\n"
                                      "namespace.chat.history.age = '1h'\n"}) {
    EXPECT_EQ(parsed(text).settings_of("chat").history, (History{7, milliseconds(3'600'000)})) << text;
  }
}

TEST(ParseToml, Lets_each_key_of_a_history_fall_back_to_default) {
  const Config config = parsed(R"([namespace.count.history]
messages = 5
[namespace.age]
history = { age = "1m" }
[namespace.neither]
history = {}
[namespace.none]
history = { messages = 0 }
[namespace.default.history]
messages = 9
age = "3s"
)");
  EXPECT_EQ(config.settings_of("default").history, (History{9, milliseconds(3'000)}));
  EXPECT_EQ(config.settings_of("count").history, (History{5, milliseconds(3'000)}));
  EXPECT_EQ(config.settings_of("age").history, (History{9, milliseconds(60'000)}));
  EXPECT_EQ(config.settings_of("neither").history, (History{9, milliseconds(3'000)}));
  EXPECT_EQ(config.settings_of("none").history, (History{0, milliseconds(3'000)}));
  EXPECT_EQ(config.settings_of("undeclared").history, (History{9, milliseconds(3'000)}));
}

TEST(ParseToml, Keeps_the_built_in_value_of_what_a_history_of_default_leaves_out) {
  EXPECT_EQ(parsed("[namespace.default]\nhistory = { messages = 9 }").settings_of("").history,
            (History{9, History{}.age}));
  EXPECT_EQ(parsed("[namespace.default]\nhistory = { age = '9s' }").settings_of("").history,
            (History{History{}.messages, milliseconds(9'000)}));
}

TEST(ParseToml, Knows_every_word_of_a_namespace) {
  const auto settings = [](const std::string& text) { return parsed("namespace.a." + text).settings_of("a"); };
  EXPECT_EQ(settings("overflow = 'disconnect'").overflow, Overflow::disconnect);
  EXPECT_EQ(settings("overflow = 'drop_oldest'").overflow, Overflow::drop_oldest);
  EXPECT_EQ(settings("overflow = 'conflate'").overflow, Overflow::conflate);
  EXPECT_EQ(settings("history_access = 'subscribers'").history_access, Access::subscribers);
  EXPECT_EQ(settings("presence_access = 'subscribers'").presence_access, Access::subscribers);
  EXPECT_EQ(settings("pattern_access = 'subscribers'").pattern_access, Access::subscribers);
  // Protected mode's word for patterns; there it is the same.
  EXPECT_EQ(settings("pattern_access = 'anyone'").pattern_access, Access::subscribers);
}

TEST(ParseToml, Brings_every_key_of_the_engine) {
  const Engine engine = parsed("[engine]\nkind = 'memory'\nqueue_bytes_max = '8MiB'\ntimeout = '750ms'").engine;
  EXPECT_EQ(engine, (Engine{EngineKind::memory, 8'388'608, milliseconds(750)}));
}

TEST(Config, Gives_undeclared_namespaces_the_settings_of_default) {
  const Config config = parsed("[namespace.default]\nmessage_bytes_max = 100\n[namespace.a]\nmessage_bytes_max = 50\n");
  EXPECT_EQ(config.settings_of("a").message_bytes_max, 50U);
  EXPECT_EQ(config.settings_of("b").message_bytes_max, 100U);
  EXPECT_EQ(config.settings_of("").message_bytes_max, 100U);
}

TEST(ParseToml, Reads_windows_line_ends_and_a_byte_order_mark) {
  EXPECT_EQ(parsed("\xEF\xBB\xBF[server]\r\nthreads = 3\r\n").server.threads, 3U);
}

TEST(SupportedKeys, Are_taken_and_no_others_are_named) {
  const std::vector<std::string> keys = supported_keys();
  EXPECT_EQ(keys.size(), 13U + 4U + 3U + 4U + 7U + 7U + 17U + 3U + 3U + 2U + 12U + 2U);
  EXPECT_EQ(keys.front(), "server.listen");
  EXPECT_EQ(keys.back(), "namespace.*.history.age");
  for (std::string key : keys) {
    if (const auto star = key.find('*'); star != std::string::npos) key.replace(star, 1, "chat");
    std::string text = key + " = 2020-01-01";
    if (const auto brackets = key.find("[]"); brackets != std::string::npos) {
      text = "[[" + key.substr(0, brackets) + "]]\n" + key.substr(brackets + 3) + " = 2020-01-01";
      key.replace(brackets, 2, "[0]");
    }
    // A date is right for none of them, and each says so itself.
    const auto lines = faults(text);
    EXPECT_TRUE(std::ranges::any_of(lines, [&](const std::string& line) {
      return line.find(": " + key + ": found a date, expected ") != std::string::npos;
    })) << ::testing::PrintToString(lines);
  }
}

}  // namespace
}  // namespace crier::config
