#include "broker/config/config_loader.hpp"

#include <gtest/gtest.h>

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
listen = ["127.0.0.1:1", "[::1]:2", "localhost:3", "0.0.0.0:0"]
admin = "[::1]:9"
admin_hosts = ["metrics.example.com", "10.0.0.1", "[2001:db8::1]"]
threads = 256
paths = ["/a", "/b/c"]
origins = ["same", "local", "*", "https://*.example.com", "http://example.com:8080", "http://[::1]:80", "app://x"]
protected_mode = false
)")
                            .server;
  EXPECT_EQ(server.listen, (Texts{"127.0.0.1:1", "[::1]:2", "localhost:3", "0.0.0.0:0"}));
  EXPECT_EQ(server.admin, "[::1]:9");
  EXPECT_EQ(server.admin_hosts, (Texts{"metrics.example.com", "10.0.0.1", "[2001:db8::1]"}));
  EXPECT_EQ(server.threads, 256U);
  EXPECT_EQ(server.paths, (Texts{"/a", "/b/c"}));
  EXPECT_EQ(server.origins, (Texts{"same", "local", "*", "https://*.example.com", "http://example.com:8080",
                                   "http://[::1]:80", "app://x"}));
  EXPECT_FALSE(server.protected_mode);
  EXPECT_FALSE(server.echo);
}

TEST(ParseToml, Tells_an_empty_list_of_origins_from_none) {
  EXPECT_EQ(parsed("[server]").server.origins, std::nullopt);
  EXPECT_EQ(parsed("[server]\norigins = []").server.origins, Texts{});
}

TEST(ParseToml, Brings_every_key_of_limits) {
  const Limits limits = parsed(R"([limits]
connections_max = 1
handshake_timeout = "100ms"
body_timeout = "2s"
idle_timeout = "1h"
heartbeat = "3m"
header_bytes_max = "1KiB"
incoming_bytes_max = "1GiB"
channels_per_connection_max = 5
outbox_bytes_max = "2MiB"
outbox_total_bytes_max = "7GiB"
inflight_bytes_max = 3000000
channels_max = 9
)")
                            .limits;
  Limits expected;
  expected.connections_max = 1;
  expected.handshake_timeout = milliseconds(100);
  expected.body_timeout = milliseconds(2'000);
  expected.idle_timeout = milliseconds(3'600'000);
  expected.heartbeat = milliseconds(180'000);
  expected.header_bytes_max = 1'024;
  expected.incoming_bytes_max = 1'073'741'824;
  expected.channels_per_connection_max = 5;
  expected.outbox_bytes_max = 2'097'152;
  expected.outbox_total_bytes_max = 7'516'192'768;
  expected.inflight_bytes_max = 3'000'000;
  expected.channels_max = 9;
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
overflow = "disconnect"
message_bytes_max = "4KiB"
compression = false
)");
  EXPECT_EQ(config.namespaces.size(), 2U);
  EXPECT_EQ(config.settings_of("default"), Namespace{});
  EXPECT_EQ(config.settings_of("chat-1_B"), (Namespace{Who::nobody, Who::nobody, Overflow::disconnect, 4'096, false}));
}

TEST(ParseToml, Lets_namespaces_inherit_from_default_wherever_it_stands) {
  for (const std::string_view text : {"[namespace.default]\npublish = 'nobody'\nmessage_bytes_max = 100\n"
                                      "[namespace.a]\nmessage_bytes_max = 50\n[namespace.z]\ncompression = false\n",
                                      "[namespace.a]\nmessage_bytes_max = 50\n[namespace.z]\ncompression = false\n"
                                      "[namespace.default]\npublish = 'nobody'\nmessage_bytes_max = 100\n"}) {
    const Config config = parsed(text);
    EXPECT_EQ(config.settings_of("a"), (Namespace{Who::anyone, Who::nobody, Overflow::disconnect, 50, true}));
    EXPECT_EQ(config.settings_of("z"), (Namespace{Who::anyone, Who::nobody, Overflow::disconnect, 100, false}));
  }
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
  EXPECT_EQ(keys.size(), 7U + 12U + 3U + 2U + 5U);
  EXPECT_EQ(keys.front(), "server.listen");
  EXPECT_EQ(keys.back(), "namespace.*.compression");
  for (std::string key : keys) {
    if (const auto star = key.find('*'); star != std::string::npos) key.replace(star, 1, "chat");
    // A date is right for none of them, and each says so itself.
    const std::string text = fault(key + " = 2020-01-01");
    EXPECT_TRUE(text.find(": " + key + ": found a date, expected ") != std::string::npos) << text;
  }
}

}  // namespace
}  // namespace crier::config
