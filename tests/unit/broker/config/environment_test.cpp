#include "broker/config/environment.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/unit/broker/config/command_line_support.hpp"

namespace crier::config {
namespace {

using Texts = std::vector<std::string>;

const std::string serve = "serve";

TEST(Environment, Sets_values_of_every_kind) {
  const Config config =
      config_of({serve}, {"CRIER_SERVER__THREADS=8", "CRIER_SERVER__PROXY_PROTOCOL=true",
                          "CRIER_SERVER__STATE_DIR=/var/lib/crier", "CRIER_LIMITS__HEARTBEAT=20s",
                          "CRIER_LIMITS__OUTBOX_BYTES_MAX=2MiB", "CRIER_LIMITS__CHANNELS_MAX=77",
                          "CRIER_COMPRESSION__MIN_BYTES=300", "CRIER_LOG__LEVEL=warn", "CRIER_AUTH__LEEWAY=1s",
                          "CRIER_AUTH__JWT__SECRET=0123456789012345678901234567890123", "CRIER_AUTH__JWT__ISSUER=5",
                          "CRIER_SERVER__HOSTS=a.example", "CRIER_TLS__HANDSHAKES_IN_FLIGHT_MAX=9"});
  EXPECT_EQ(config.server.threads, 8U);
  EXPECT_TRUE(config.server.proxy_protocol);
  EXPECT_EQ(config.server.state_dir, "/var/lib/crier");
  EXPECT_EQ(config.limits.heartbeat, milliseconds(20'000));
  EXPECT_EQ(config.limits.outbox_bytes_max, 2U * 1024 * 1024);
  EXPECT_EQ(config.limits.channels_max, 77U);
  EXPECT_EQ(config.compression.min_bytes, 300U);
  EXPECT_EQ(config.log.level, LogLevel::warn);
  EXPECT_EQ(config.auth.leeway, milliseconds(1'000));
  EXPECT_EQ(config.auth.jwt.secret, "0123456789012345678901234567890123");
  EXPECT_EQ(config.auth.jwt.issuer, "5");
  EXPECT_EQ(config.tls.handshakes_in_flight_max, 9U);
  EXPECT_EQ(config.settings_of("").publish, Who::granted);
}

TEST(Environment, Takes_lists_as_toml_or_between_commas) {
  const auto listen = [](const std::string& value) {
    return config_of({serve}, {"CRIER_SERVER__LISTEN=" + value}).server.listen;
  };
  EXPECT_EQ(listen("127.0.0.1:1"), Texts{"127.0.0.1:1"});
  EXPECT_EQ(listen("127.0.0.1:1,[::1]:2"), (Texts{"127.0.0.1:1", "[::1]:2"}));
  EXPECT_EQ(listen("[::1]:2, 127.0.0.1:1"), (Texts{"[::1]:2", "127.0.0.1:1"}));
  EXPECT_EQ(listen("['127.0.0.1:1', \"[::1]:2\"]"), (Texts{"127.0.0.1:1", "[::1]:2"}));
  EXPECT_EQ(config_of({serve}, {"CRIER_SERVER__ORIGINS="}).server.origins, Texts{});
  EXPECT_EQ(config_of({serve}, {"CRIER_SERVER__ORIGINS=[]"}).server.origins, Texts{});
  EXPECT_EQ(config_of({serve}, {"CRIER_AUTH__JWT__ALGORITHMS=HS512,HS256",
                                "CRIER_AUTH__JWT__SECRET=" + std::string(64, 's'), "CRIER_SERVER__HOSTS=a"})
                .auth.jwt.algorithms,
            (std::vector{JwtAlgorithm::HS512, JwtAlgorithm::HS256}));
}

TEST(Environment, Reaches_namespaces_by_their_lower_case_names) {
  const Config config = config_of(
      {serve}, {"CRIER_NAMESPACE__CHAT__HISTORY__AGE=1h", "CRIER_NAMESPACE__CHAT__PUBLISH=nobody",
                "CRIER_NAMESPACE__A-1_B__PRESENCE=false", "CRIER_NAMESPACE__DEFAULT__MESSAGE_BYTES_MAX=1KiB"});
  EXPECT_EQ(config.namespaces.size(), 3U);
  EXPECT_EQ(config.settings_of("chat").history, (History{100, milliseconds(3'600'000)}));
  EXPECT_EQ(config.settings_of("chat").publish, Who::nobody);
  EXPECT_FALSE(config.settings_of("a-1_b").presence);
  EXPECT_EQ(config.settings_of("").message_bytes_max, 1'024U);
}

TEST(Environment, Lets_namespaces_inherit_what_it_says_of_default) {
  const File file("[namespace.chat]\npresence = false\n[namespace.default]\nmessage_bytes_max = 5\n");
  const Config config = config_of({serve, "--config", file.path()}, {"CRIER_NAMESPACE__DEFAULT__MESSAGE_BYTES_MAX=9",
                                                                     "CRIER_NAMESPACE__A__PRESENCE=true"});
  EXPECT_EQ(config.settings_of("chat").message_bytes_max, 9U);
  EXPECT_EQ(config.settings_of("a").message_bytes_max, 9U);
}

TEST(Environment, Wins_over_the_file_and_loses_to_flags) {
  const File file(
      "[server]\nthreads = 2\nlisten = ['127.0.0.1:1', '127.0.0.1:2', '127.0.0.1:3']\n[log]\nlevel = 'error'\n");
  const Texts environment{"CRIER_SERVER__THREADS=3", "CRIER_LOG__LEVEL=warn", "CRIER_SERVER__LISTEN=127.0.0.1:4"};
  const Config config = config_of({serve, "--config", file.path(), "--threads", "4"}, environment);
  EXPECT_EQ(config.server.threads, 4U);
  EXPECT_EQ(config.log.level, LogLevel::warn);
  EXPECT_EQ(config.server.listen, Texts{"127.0.0.1:4"});
  EXPECT_EQ(config_of({serve, "--config", file.path(), "--listen", "127.0.0.1:5"}, environment).server.listen,
            Texts{"127.0.0.1:5"});
}

TEST(Environment, Is_judged_by_what_is_in_force) {
  const File file("[server]\nlisten = ['0.0.0.0:1']\n");
  EXPECT_EQ(refusal({serve, "--config", file.path()}, {"CRIER_SERVER__LISTEN=127.0.0.1:1"}), "");
  EXPECT_EQ(refusal({serve}, {"CRIER_LIMITS__IDLE_TIMEOUT=20s"}),
            "CRIER_LIMITS__IDLE_TIMEOUT: limits.heartbeat: found 25s (the default), expected less than "
            "limits.idle_timeout (20s). Idle subscribers would be closed before their first ping.\n");
}

TEST(Environment, Tells_every_faulty_value_by_its_name) {
  EXPECT_EQ(
      refusal({serve}, {"CRIER_SERVER__THREADS=many", "CRIER_SERVER__LISTEN=a,127.0.0.1:1,[b",
                        "CRIER_SERVER__PROTECTED_MODE=yes", "CRIER_NAMESPACE__CHAT__HISTORY__MESSAGES=-1"}),
      "CRIER_SERVER__LISTEN: found \"a\", expected HOST:PORT, as \"127.0.0.1:8008\", \"[::1]:8008\" or "
      "\"localhost:8008\", or unix:/PATH.\n"
      "CRIER_SERVER__LISTEN: found \"[b\", expected HOST:PORT, as \"127.0.0.1:8008\", \"[::1]:8008\" or "
      "\"localhost:8008\", or unix:/PATH.\n"
      "CRIER_SERVER__PROTECTED_MODE: found \"yes\", expected true or false.\n"
      "CRIER_SERVER__THREADS: found \"many\", expected an integer from 0 to 256.\n"
      "CRIER_NAMESPACE__CHAT__HISTORY__MESSAGES: found -1, expected an integer from 0 to 1000000. 0 keeps none.\n");
}

TEST(Environment, Names_the_nearest_setting_for_a_name_that_stands_for_none) {
  const auto told = [](const std::string& entry) { return refusal({serve}, {entry}); };
  EXPECT_EQ(told("CRIER_SERVER__THREAD=8"),
            "CRIER_SERVER__THREAD: stands for no setting: did you mean CRIER_SERVER__THREADS?\n");
  EXPECT_EQ(told("CRIER_NAMESPACE__CHAT__OVERFLW=x"),
            "CRIER_NAMESPACE__CHAT__OVERFLW: stands for no setting: did you mean CRIER_NAMESPACE__CHAT__OVERFLOW?\n");
  EXPECT_EQ(told("CRIER_Server__Threads=8"),
            "CRIER_Server__Threads: stands for no setting: did you mean CRIER_SERVER__THREADS?\n");
  for (const std::string name :
       {"CRIER_FOO__BAR", "CRIER___", "CRIER____THREADS", "CRIER_SERVER__", "CRIER_NAMESPACE__HISTORY",
        "CRIER_NAMESPACE__CHAT", "CRIER_NAMESPACE____AGE", "CRIER_NAMESPACE__A.B__PUBLISH", "CRIER_SERVER__THREADS__X",
        "CRIER_AUTH__JWT", "CRIER_NAMESPACE__CHAT__HISTORY", "CRIER_SERVER__THREADS.LISTEN"}) {
    EXPECT_NE(told(name + "=1").find(": stands for no setting: "), std::string::npos) << name << told(name + "=1");
  }
  for (const std::string name : {"CRIER_AUTH__SERVICE_KEY__NAME", "CRIER_TLS__HOST__0__NAME", "CRIER_TLS__HOST"}) {
    EXPECT_EQ(told(name + "=1"),
              name + ": stands for no setting: [[tls.host]] and [[auth.service_key]] are set in a file alone.\n");
  }
}

TEST(Environment, Leaves_names_alone_that_are_not_ours) {
  EXPECT_EQ(config_of({serve}, {"CRIER_BIN=x", "CRIER_SERVER_THREADS=8", "XCRIER_SERVER__THREADS=8", "PATH=/bin",
                                "CRIER_SERVER__THREADS", "=x", "", "crier_server__threads=8"}),
            Config{});
}

TEST(Environment, Shows_no_secret) {
  const std::string secret = "tr0ub4dor";
  for (const std::string name : {"CRIER_AUTH__JWT__SECRET", "CRIER_AUTH__JWT__SECERT", "CRIER_AUTH__SECRET"}) {
    const std::string text = refusal({serve}, {name + "=" + secret});
    EXPECT_NE(text, "");
    EXPECT_EQ(text.find(secret), std::string::npos) << text;
  }
}

}  // namespace
}  // namespace crier::config
