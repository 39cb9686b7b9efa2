// Rules between settings.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/unit/broker/config/support.hpp"

namespace crier::config {
namespace {

using Lines = std::vector<std::string>;

constexpr const char* loopback_wanted =
    "expected a loopback address (127.0.0.1, [::1] or localhost) or a Unix socket while protected mode is in force. "
    "Whoever reaches another address could subscribe and publish. Tokens ([auth.jwt]) or service keys "
    "([[auth.service_key]]) lift that, or server.protected_mode = false.";

TEST(ProtectedMode, Refuses_other_addresses_than_loopback_and_names_the_settings_that_lift_it) {
  EXPECT_EQ(faults("[server]\nlisten = ['127.0.0.1:1', '0.0.0.0:2',\n '[::1]:3', '[::]:4', 'unix:/run/crier']"),
            (Lines{
                std::string("crier.toml:2:26: server.listen[1]: found \"0.0.0.0:2\", ") + loopback_wanted,
                std::string("crier.toml:3:13: server.listen[3]: found \"[::]:4\", ") + loopback_wanted,
            }));
}

TEST(ProtectedMode, Ends_by_its_own_setting_or_where_somebody_can_prove_who_it_is) {
  const std::string head = "[server]\nlisten = ['0.0.0.0:2']\nhosts = ['example.com']\n";
  for (const std::string& rest :
       {std::string("protected_mode = false"), "[auth.jwt]\nsecret = '" + std::string(32, 's') + "'",
        "[[auth.service_key]]\nname = 'a'\nsha256 = '" + std::string(64, '0') + "'"}) {
    const Config config = parsed(head + rest);
    EXPECT_EQ(config.server.listen, Lines{"0.0.0.0:2"});
    EXPECT_FALSE(config.protects());
  }
}

TEST(ProtectedMode, Is_not_guessed_when_its_own_value_is_faulty) {
  EXPECT_EQ(fault("[server]\nlisten = ['0.0.0.0:2']\nprotected_mode = 0"),
            "crier.toml:3:1: server.protected_mode: found 0, expected true or false.");
}

TEST(ProtectedMode, Judges_the_good_items_beside_a_faulty_one) {
  const Lines lines = faults("server.listen = ['x', '0.0.0.0:2']");
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_TRUE(lines[0].starts_with("crier.toml:1:18: server.listen[0]: found \"x\", expected HOST:PORT"));
  EXPECT_TRUE(lines[1].starts_with("crier.toml:1:23: server.listen[1]: found \"0.0.0.0:2\", expected a loopback"));
}

TEST(Rules, Want_every_address_once) {
  EXPECT_EQ(fault("[server]\nlisten = ['127.0.0.1:1', '[::1]:1', '127.0.0.1:1']"),
            "crier.toml:2:37: server.listen[2]: found \"127.0.0.1:1\", expected each address once. A second listener "
            "could not bind to it.");
  EXPECT_EQ(fault("[server]\nadmin = '127.0.0.1:1'\nlisten = ['127.0.0.1:1']"),
            "crier.toml:2:1: server.admin: found \"127.0.0.1:1\", expected an address that server.listen does not "
            "have. One address cannot serve both.");
  EXPECT_EQ(fault("[server]\nlisten = ['127.0.0.1:9008']"),
            "crier.toml:2:11: server.admin: found \"127.0.0.1:9008\" (the default), expected an address that "
            "server.listen does not have. One address cannot serve both.");
  // Port 0 is another one each time.
  EXPECT_EQ(faults("[server]\nlisten = ['127.0.0.1:0', '127.0.0.1:0']\nadmin = '127.0.0.1:0'"), Lines{});
}

TEST(Rules, Want_every_path_once) {
  EXPECT_EQ(fault("server.paths = ['/a', '/b', '/a']"),
            "crier.toml:1:29: server.paths[2]: found \"/a\", expected each path once. The second would never be "
            "looked at.");
  EXPECT_EQ(faults("server.paths = ['/echo']"), Lines{});
}

TEST(Rules, Want_a_heartbeat_before_the_idle_timeout) {
  const std::string tail =
      ", expected less than limits.idle_timeout (20s). Idle subscribers would be closed before their first ping.";
  EXPECT_EQ(fault("[limits]\nheartbeat = '20s'\nidle_timeout = '20s'"),
            "crier.toml:2:1: limits.heartbeat: found 20s" + tail);
  EXPECT_EQ(fault("[limits]\nidle_timeout = '20s'"),
            "crier.toml:2:1: limits.heartbeat: found 25s (the default)" + tail);
  EXPECT_EQ(faults("[limits]\nheartbeat = '19999ms'\nidle_timeout = '20s'"), Lines{});
  // The default of a faulty value proves nothing.
  EXPECT_EQ(faults("[limits]\nheartbeat = '30s'\nidle_timeout = 20").size(), 1U);
}

TEST(Rules, Want_messages_to_fit_into_what_may_come_in) {
  EXPECT_EQ(fault("[limits]\nincoming_bytes_max = '32KiB'"),
            "crier.toml:2:1: namespace.default.message_bytes_max: found 64KiB (the default), expected at most "
            "limits.incoming_bytes_max (32KiB). Messages between the two would end the connection that publishes "
            "them.");
  EXPECT_EQ(fault("[limits]\nincoming_bytes_max = '80KiB'\n[namespace.a]\n[namespace.b]\nmessage_bytes_max = '81KiB'"),
            "crier.toml:5:1: namespace.b.message_bytes_max: found 81KiB, expected at most limits.incoming_bytes_max "
            "(80KiB). Messages between the two would end the connection that publishes them.");
  EXPECT_EQ(faults("[limits]\nincoming_bytes_max = '64KiB'"), Lines{});
}

TEST(Rules, Are_told_once_for_settings_that_namespaces_only_inherit) {
  EXPECT_EQ(fault("[limits]\nincoming_bytes_max = '32KiB'\n[namespace.a]\n[namespace.z]\n").substr(0, 51),
            "crier.toml:2:1: namespace.default.message_bytes_max");
  EXPECT_NE(fault("[limits]\noutbox_bytes_max = '32KiB'\n[namespace.a]\n[namespace.z]\n")
                .find("at least 65KiB: namespace.default.message_bytes_max (64KiB)"),
            std::string::npos);
}

TEST(Rules, Find_the_place_in_a_namespace_with_a_name_too_long_to_be_shown) {
  const std::string name(100, 'k');
  EXPECT_EQ(fault("[namespace." + name + "1]\nhistory.age = '1s'\n[namespace." + name + "2]\nhistory.age = '0s'\n"),
            "crier.toml:4:9: namespace.\"" + name.substr(0, 80) +
                "…\".history.age: found 0ms, expected a life for the messages that namespace." + name +
                "2.history.messages (100) keeps. Each would be forgotten at once: messages = 0 keeps none.");
}

TEST(Rules, Want_the_outbox_to_hold_the_largest_message) {
  EXPECT_EQ(fault("[limits]\noutbox_bytes_max = '128KiB'\n[namespace.chat]\nmessage_bytes_max = '128KiB'"),
            "crier.toml:2:1: limits.outbox_bytes_max: found 128KiB, expected at least 129KiB: "
            "namespace.chat.message_bytes_max (128KiB) and 1KiB around it. A single largest message would disconnect "
            "every subscriber.");
  EXPECT_EQ(faults("[limits]\noutbox_bytes_max = '129KiB'\n[namespace.chat]\nmessage_bytes_max = '128KiB'"), Lines{});
}

TEST(Rules, Want_the_way_to_the_hub_to_hold_the_largest_message) {
  EXPECT_EQ(fault("[limits]\ninflight_bytes_max = '64KiB'"),
            "crier.toml:2:1: limits.inflight_bytes_max: found 64KiB, expected at least 65KiB: "
            "namespace.default.message_bytes_max (64KiB) and 1KiB around it. A publisher of one largest message would "
            "wait for ever.");
  EXPECT_EQ(faults("[limits]\ninflight_bytes_max = '65KiB'"), Lines{});
}

TEST(Rules, Want_the_queue_of_the_engine_to_hold_the_largest_message) {
  EXPECT_EQ(fault("[engine]\nqueue_bytes_max = '64KiB'"),
            "crier.toml:2:1: engine.queue_bytes_max: found 64KiB, expected at least 65KiB: "
            "namespace.default.message_bytes_max (64KiB) and 1KiB around it. A largest message would always be refused "
            "as unavailable.");
  EXPECT_EQ(faults("[engine]\nqueue_bytes_max = '65KiB'"), Lines{});
}

TEST(Rules, Want_a_life_for_messages_that_are_kept) {
  const std::string tail = " keeps. Each would be forgotten at once: messages = 0 keeps none.";
  EXPECT_EQ(fault("[namespace.chat.history]\nage = '0s'"),
            "crier.toml:2:1: namespace.chat.history.age: found 0ms, expected a life for the messages that "
            "namespace.chat.history.messages (100)" +
                tail);
  EXPECT_EQ(faults("[namespace.chat.history]\nage = '0s'\nmessages = 0"), Lines{});
  EXPECT_EQ(faults("[namespace.chat.history]\nage = '1ms'\nmessages = 1"), Lines{});
}

TEST(Rules, Blame_the_count_for_an_age_that_was_inherited) {
  EXPECT_EQ(fault("[namespace.default]\nhistory = { messages = 0, age = '0s' }\n[namespace.chat]\nhistory = { messages "
                  "= 5 }"),
            "crier.toml:4:13: namespace.chat.history.age: found 0ms (the default), expected a life for the messages "
            "that namespace.chat.history.messages (5) keeps. Each would be forgotten at once: messages = 0 keeps "
            "none.");
}

TEST(Rules, Are_told_once_for_a_history_that_namespaces_only_inherit) {
  EXPECT_EQ(fault("[namespace.default]\nhistory = { age = '0s' }\n[namespace.a]\n[namespace.z.history]\nmessages = 7"),
            "crier.toml:2:13: namespace.default.history.age: found 0ms, expected a life for the messages that "
            "namespace.default.history.messages (100) keeps. Each would be forgotten at once: messages = 0 keeps "
            "none.");
  // One that is wrong by itself is told too.
  EXPECT_EQ(faults("[namespace.default.history]\nage = '0s'\n[namespace.a.history]\nage = '0ms'\n").size(), 2U);
}

TEST(Rules, Do_not_judge_by_a_history_that_nobody_meant) {
  EXPECT_EQ(faults("[namespace.chat.history]\nmessages = '0'\nage = '0s'\n").size(), 1U);
  EXPECT_EQ(faults("[namespace.default]\nhistory = 0\n[namespace.chat.history]\nage = '0s'\n").size(), 1U);
  EXPECT_EQ(faults("[namespace.default]\nhistory = { messages = 0, age = '0s' }\n"
                   "[namespace.chat]\nhistory = { messages = 3, age = 9 }\n")
                .size(),
            1U);
}

TEST(Rules, Do_not_judge_by_a_size_that_nobody_meant) {
  EXPECT_EQ(fault("[limits]\nincoming_bytes_max = '32KiB'\n[namespace.default]\nmessage_bytes_max = '1KB'"),
            "crier.toml:4:1: namespace.default.message_bytes_max: found \"1KB\", expected a size from 1B to 1GiB, as "
            "\"16KiB\", \"1MiB\", \"1GiB\" or a number of bytes.");
}

TEST(Rules, Want_all_outboxes_together_to_hold_one) {
  EXPECT_EQ(fault("[limits]\noutbox_total_bytes_max = '512KiB'"),
            "crier.toml:2:1: limits.outbox_total_bytes_max: found 512KiB, expected at least limits.outbox_bytes_max "
            "(1MiB). One slow subscriber could use up what all share.");
}

TEST(Check, Judges_a_configuration_that_came_from_no_file) {
  EXPECT_TRUE(check(Config{}).empty());
  Config config;
  config.server.listen = {"127.0.0.1:1", "0.0.0.0:8008"};
  config.server.echo = true;
  config.server.paths = {"/message", "/echo"};
  Lines lines;
  for (const Problem& problem : check(config)) lines.push_back(problem.text());
  EXPECT_EQ(lines, (Lines{
                       std::string("configuration: server.listen[1]: found \"0.0.0.0:8008\", ") + loopback_wanted,
                       "configuration: server.paths[1]: found \"/echo\", expected another path. --echo serves that "
                       "one.",
                   }));
}

}  // namespace
}  // namespace crier::config
