// Faults of single values and keys, with the words an operator reads.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/every_cut.hpp"
#include "tests/unit/broker/config/support.hpp"

namespace crier::config {
namespace {

TEST(ConfigFault, Of_syntax_is_one_problem_with_its_place) {
  EXPECT_EQ(fault("[server]\nthreads = \n"),
            "crier.toml:2:11: not TOML: Error while parsing key-value pair: expected value, saw '\\n'.");
  EXPECT_EQ(fault("[server]\nthreads = 1\nthreads = 2\nlisen = 1\n").substr(0, 27), "crier.toml:3:11: not TOML: ");
  EXPECT_EQ(fault("a = \"\x1B[2J\"").find('\x1B'), std::string::npos);
}

TEST(ConfigFault, Of_syntax_is_answered_where_the_parser_library_takes_too_much_for_certain) {
  for (const std::string text : {"[&server]", "[[[a]]]", "[[=", "ü = 1", "[server]\nthreads ü", "threads = ü", "[ü]"}) {
    EXPECT_NE(fault(text).find(": not TOML: "), std::string::npos) << text;
  }
}

TEST(ConfigFault, Of_a_text_that_is_no_configuration_is_told_before_it_is_parsed) {
  EXPECT_EQ(fault(std::string(1'048'577, '\n')), "crier.toml:1:1: not TOML: more than 1MiB is no configuration.");
  std::string deep = "[server]\n";
  for (int i = 0; i < 100'000; ++i) deep += "a.";
  EXPECT_EQ(fault(deep + "a = 1"), "crier.toml:2:1: not TOML: a line with more than 1000 dots is no configuration.");
}

TEST(ConfigFault, Of_an_unknown_key_names_the_nearest) {
  EXPECT_EQ(fault("[server]\nlisen = 1"), "crier.toml:2:1: server.lisen: unknown key `lisen`, did you mean `listen`?");
  EXPECT_EQ(fault("[namespace.chat]\noverflw = 1"),
            "crier.toml:2:1: namespace.chat.overflw: unknown key `overflw`, did you mean `overflow`?");
}

TEST(ConfigFault, Of_a_key_in_the_wrong_table_names_the_right_one) {
  EXPECT_EQ(fault("[server]\nheartbeat = '1s'"),
            "crier.toml:2:1: server.heartbeat: unknown key `heartbeat`, did you mean `limits.heartbeat`?");
  EXPECT_EQ(fault("threads = 4"), "crier.toml:1:1: threads: unknown key `threads`, did you mean `server.threads`?");
  EXPECT_EQ(fault("[server]\nlevel = 4"),
            "crier.toml:2:1: server.level: unknown key `level`, did you mean "
            "`compression.level` or `log.level`?");
  EXPECT_EQ(fault("[server]\noverflow = 4"),
            "crier.toml:2:1: server.overflow: unknown key `overflow`, did you mean "
            "`namespace.default.overflow`?");
}

TEST(ConfigFault, Of_a_key_like_no_other_lists_the_tables_keys) {
  EXPECT_EQ(fault("[log]\n\"a\\nb\" = 1"),
            "crier.toml:2:1: log.\"a\\x0ab\": unknown key `\"a\\x0ab\"`, [log] has: level, format.");
  EXPECT_EQ(fault("zzz = 1"),
            "crier.toml:1:1: zzz: unknown key `zzz`, every key stands in a table: server, tls, auth, "
            "limits, compression, namespace, engine, log.");
}

TEST(ConfigFault, Of_an_unknown_table_names_the_nearest_or_all) {
  EXPECT_EQ(fault("[sever]"), "crier.toml:1:2: sever: unknown table [sever], did you mean [server]?");
  EXPECT_EQ(fault("[zzz]"),
            "crier.toml:1:2: zzz: unknown table [zzz], the tables are: server, tls, auth, limits, compression, "
            "namespace, engine, log.");
}

TEST(ConfigFault, Of_a_key_of_a_later_version_says_that_it_would_do_nothing) {
  EXPECT_TRUE(fault("engine.nats = 1")
                  .ends_with("engine.nats: not supported by this version. Leave it out: it would have no effect."));
}

TEST(ConfigFault, Of_a_word_names_the_words_there_are) {
  EXPECT_EQ(fault("[namespace.default]\noverflow = 'drop-oldest'"),
            "crier.toml:2:1: namespace.default.overflow: found \"drop-oldest\", expected \"disconnect\", "
            "\"drop_oldest\" or \"conflate\". Did you mean \"drop_oldest\"?");
  for (const std::string key : {"history_access", "presence_access"}) {
    EXPECT_EQ(fault("[namespace.default]\n" + key + " = 'anyone'"),
              "crier.toml:2:1: namespace.default." + key +
                  ": found \"anyone\", expected \"subscribers\", \"granted\" or \"nobody\".");
  }
  EXPECT_EQ(fault("[namespace.default]\npattern_access = 'all'"),
            "crier.toml:2:1: namespace.default.pattern_access: found \"all\", expected \"subscribers\", \"granted\", "
            "\"nobody\" or \"anyone\".");
  EXPECT_EQ(fault("[engine]\nkind = 'nats'"),
            "crier.toml:2:1: engine.kind: found \"nats\", expected \"memory\". \"nats\" is not supported by this "
            "version.");
  EXPECT_EQ(fault("[namespace.default]\npublish = 'grant'"),
            "crier.toml:2:1: namespace.default.publish: found \"grant\", expected \"anyone\", \"authenticated\", "
            "\"granted\" or \"nobody\". Did you mean \"granted\"?");
  EXPECT_EQ(fault("[log]\nlevel = 'wran'"),
            "crier.toml:2:1: log.level: found \"wran\", expected \"debug\", \"info\", \"warn\" or \"error\". "
            "Did you mean \"warn\"?");
  EXPECT_EQ(fault("[log]\nformat = 3"), "crier.toml:2:1: log.format: found 3, expected \"text\" or \"json\".");
}

TEST(ConfigFault, Of_a_flag_or_an_integer_says_the_form) {
  EXPECT_EQ(fault("[server]\nprotected_mode = 'no'"),
            "crier.toml:2:1: server.protected_mode: found \"no\", expected true or false.");
  EXPECT_EQ(fault("[server]\nthreads = '8'"),
            "crier.toml:2:1: server.threads: found \"8\", expected an integer from 0 to 256.");
  EXPECT_EQ(fault("[server]\nthreads = 8.0"),
            "crier.toml:2:1: server.threads: found 8.0, expected an integer from 0 to 256.");
  EXPECT_EQ(fault("[compression]\nlevel = [1]"),
            "crier.toml:2:1: compression.level: found an array, expected an integer from 1 to 9.");
}

TEST(ConfigFault, Of_a_range_says_what_such_a_value_would_do) {
  EXPECT_EQ(fault("[server]\nthreads = 257"),
            "crier.toml:2:1: server.threads: found 257, expected an integer from 0 "
            "to 256. More threads than cores only take turns.");
  EXPECT_EQ(fault("[compression]\nlevel = 0"),
            "crier.toml:2:1: compression.level: found 0, expected an integer from 1 "
            "to 9. enabled = false switches compression off.");
  EXPECT_EQ(fault("[limits]\nheader_bytes_max = '2MiB'"),
            "crier.toml:2:1: limits.header_bytes_max: found \"2MiB\", expected a size from 1KiB to 1MiB, as \"16KiB\", "
            "\"1MiB\", \"1GiB\" or a number of bytes. Each connection could take that much before it is known.");
  EXPECT_EQ(fault("[limits]\nhandshake_timeout = '99ms'"),
            "crier.toml:2:1: limits.handshake_timeout: found \"99ms\", expected a duration from 100ms to 1h with its "
            "unit, as \"500ms\", \"10s\", \"5m\" or \"1h\". A loaded machine would cut off honest clients.");
}

TEST(ConfigFault, Of_a_duration_without_a_unit_names_the_forms) {
  EXPECT_EQ(fault("[limits]\nheartbeat = 25"),
            "crier.toml:2:1: limits.heartbeat: found 25, expected a duration from 1s to 1h with its unit, as "
            "\"500ms\", \"10s\", \"5m\" or \"1h\".");
}

TEST(ConfigFault, Of_a_size_in_another_unit_names_the_forms) {
  EXPECT_EQ(fault("[limits]\nincoming_bytes_max = '64KB'"),
            "crier.toml:2:1: limits.incoming_bytes_max: found \"64KB\", expected a size from 1KiB to 1GiB, as "
            "\"16KiB\", \"1MiB\", \"1GiB\" or a number of bytes.");
}

TEST(ConfigFault, Holds_at_both_ends_of_every_range) {
  struct Case {
    std::string key;
    std::vector<std::string> taken, refused;
  };
  for (const Case& c : std::vector<Case>{
           {"server.threads", {"0", "256"}, {"-1", "257"}},
           {"limits.connections_max", {"0", "10000000"}, {"-1", "10000001"}},
           {"limits.connections_per_ip_max", {"0", "10000000"}, {"-1", "10000001"}},
           {"limits.connects_per_second_max", {"0", "1000000"}, {"-1", "1000001"}},
           {"limits.handshake_timeout", {"'100ms'", "'1h'"}, {"'99ms'", "'3600001ms'"}},
           {"limits.body_timeout", {"'100ms'", "'1h'"}, {"'99ms'", "'2h'"}},
           {"limits.idle_timeout", {"'26s'", "'1h'"}, {"'99ms'", "'2h'"}},
           {"limits.heartbeat", {"'1s'", "'74s'"}, {"'999ms'", "'2h'"}},
           {"limits.header_bytes_max", {"1024", "'1MiB'"}, {"1023", "1048577"}},
           {"limits.incoming_bytes_max", {"65536", "'1GiB'"}, {"1023", "1073741825"}},
           {"limits.commands_per_second_max", {"0", "1000000"}, {"-1", "1000001"}},
           {"limits.channels_per_connection_max", {"1", "1000000"}, {"0", "1000001"}},
           {"limits.outbox_bytes_max", {"66560", "'1GiB'"}, {"1023", "1073741825"}},
           {"limits.outbox_total_bytes_max", {"'1MiB'", "'1024GiB'"}, {"1023", "'1025GiB'"}},
           {"limits.inflight_bytes_max", {"66560", "'1GiB'"}, {"1023", "1073741825"}},
           {"limits.channels_max", {"1", "100000000"}, {"0", "100000001"}},
           {"limits.history_bytes_max", {"1024", "'1024GiB'"}, {"1023", "'1025GiB'"}},
           {"limits.idempotency_keys_max", {"1", "100000000"}, {"0", "100000001"}},
           {"engine.queue_bytes_max", {"66560", "'1024GiB'"}, {"1023", "'1025GiB'"}},
           {"engine.timeout", {"'100ms'", "'10m'"}, {"'99ms'", "'601s'"}},
           {"compression.min_bytes", {"0", "'1GiB'"}, {"-1", "1073741825"}},
           {"compression.level", {"1", "9"}, {"0", "10"}},
           {"namespace.chat.message_bytes_max", {"1", "1047552"}, {"0", "1073741825"}},
           {"namespace.chat.rate", {"0", "1000000"}, {"-1", "1000001"}},
           {"namespace.chat.history.messages", {"0", "1000000"}, {"-1", "1000001"}},
           {"namespace.chat.history.age", {"'1ms'", "'8760h'"}, {"'-1s'", "'8761h'"}},
           {"namespace.chat.presence_watch_max", {"0", "1000000"}, {"-1", "1000001"}},
           {"namespace.chat.idempotency_window", {"'1s'", "'24h'"}, {"'999ms'", "'25h'"}},
       }) {
    for (const std::string& value : c.taken) EXPECT_EQ(faults(c.key + " = " + value), std::vector<std::string>{});
    for (const std::string& value : c.refused) {
      EXPECT_NE(fault(c.key + " = " + value).find(c.key + ": found "), std::string::npos) << value;
    }
  }
}

TEST(ConfigFault, Of_a_history_stands_at_the_key_within_it) {
  EXPECT_EQ(faults("[namespace.chat]\nhistory = { messages = 1_000_001, age = '9000h', size = 3 }"),
            (std::vector<std::string>{
                "crier.toml:2:13: namespace.chat.history.messages: found 1000001, expected an integer from 0 to "
                "1000000. Nobody could take a replay of that many: a database keeps more.",
                "crier.toml:2:35: namespace.chat.history.age: found \"9000h\", expected a duration from 0ms to 8760h "
                "with its unit, as \"500ms\", \"10s\", \"5m\" or \"1h\". Memory is no archive: a database keeps "
                "longer.",
                "crier.toml:2:50: namespace.chat.history.size: unknown key `size`, [namespace.chat.history] has: "
                "messages, age.",
            }));
  EXPECT_EQ(fault("[namespace.chat.history]\nmesages = 1"),
            "crier.toml:2:1: namespace.chat.history.mesages: unknown key `mesages`, did you mean `messages`?");
  EXPECT_EQ(fault("[namespace.chat]\nmessages = 1"),
            "crier.toml:2:1: namespace.chat.messages: unknown key `messages`, did you mean "
            "`namespace.default.history.messages`?");
}

TEST(ConfigFault, Of_a_history_that_is_no_table_shows_one) {
  EXPECT_EQ(
      fault("[namespace.chat]\nhistory = 100"),
      "crier.toml:2:1: namespace.chat.history: found 100, expected a table, as { messages = 100, age = \"2m\" }.");
  EXPECT_EQ(fault("[[namespace.chat.history]]\nmessages = 1"),
            "crier.toml:1:18: namespace.chat.history: found an array, expected a table, as { messages = 100, age = "
            "\"2m\" }.");
}

TEST(ConfigFault, Of_a_state_directory_says_what_a_path_is) {
  const std::string expected = ", expected a directory's path, as \"/var/lib/crier\", or \"\" for none. ";
  EXPECT_EQ(fault("[server]\nstate_dir = \"/var\\u0000\""), "crier.toml:2:1: server.state_dir: found \"/var\\x00\"" +
                                                                expected + "A control character in a path is a slip.");
  EXPECT_TRUE(fault("server.state_dir = '" + std::string(4'001, 'x') + "'")
                  .ends_with(expected + "No system has paths of that length."));
  EXPECT_EQ(faults("server.state_dir = '" + std::string(4'000, 'x') + "'"), std::vector<std::string>{});
  EXPECT_EQ(faults("server.state_dir = 'Zustände von Crier/1'"), std::vector<std::string>{});
  EXPECT_EQ(fault("server.state_dir = true"), "crier.toml:1:8: server.state_dir: found true, expected a string.");
}

TEST(ConfigFault, Of_a_list_stands_at_the_item) {
  const std::string forms = ", expected HOST:PORT, as \"127.0.0.1:8008\", \"[::1]:8008\" or \"localhost:8008\"";
  EXPECT_EQ(faults("[server]\nlisten = ['127.0.0.1:1',\n  'example.com:2', 3,\n  'unix:run/crier']\nadmin = 'unix:/a'"),
            (std::vector<std::string>{
                "crier.toml:3:3: server.listen[1]: found \"example.com:2\"" + forms + ", or unix:/PATH.",
                "crier.toml:3:20: server.listen[2]: found 3" + forms + ", or unix:/PATH.",
                "crier.toml:4:3: server.listen[3]: found \"unix:run/crier\", expected unix: and the absolute path of a "
                "socket in at most 107 bytes, as \"unix:/run/crier/crier.sock\".",
                "crier.toml:5:1: server.admin: found \"unix:/a\"" + forms + ". Only server.listen takes Unix sockets.",
            }));
  EXPECT_EQ(fault("[server]\nlisten = '127.0.0.1:1'"),
            "crier.toml:2:1: server.listen: found \"127.0.0.1:1\", expected a list of strings, as [\"…\", \"…\"].");
  EXPECT_EQ(fault("[server]\nlisten = []"),
            "crier.toml:2:1: server.listen: found an empty list, expected at least one item.");
  EXPECT_EQ(fault("[server]\npaths = []"),
            "crier.toml:2:1: server.paths: found an empty list, expected at least one item.");
}

TEST(ConfigFault, Of_a_path_says_why_no_request_would_match) {
  const std::string expected = ", expected a path that starts with \"/\", as \"/message\".";
  EXPECT_EQ(fault("server.paths = ['message']"), "crier.toml:1:17: server.paths[0]: found \"message\"" + expected);
  EXPECT_EQ(fault("server.paths = ['/a b']"), "crier.toml:1:17: server.paths[0]: found \"/a b\"" + expected);
  EXPECT_EQ(fault("server.paths = ['']"), "crier.toml:1:17: server.paths[0]: found \"\"" + expected);
  EXPECT_EQ(fault("server.paths = ['/ü']"), "crier.toml:1:17: server.paths[0]: found \"/ü\"" + expected);
  EXPECT_EQ(fault("server.paths = ['/']"),
            "crier.toml:1:17: server.paths[0]: found \"/\"" + expected + " \"/\" itself is the demo page's.");
  EXPECT_EQ(fault("server.paths = ['/a?b=c']"),
            "crier.toml:1:17: server.paths[0]: found \"/a?b=c\"" + expected +
                " A query or fragment is no part of a path: no request would match.");
}

TEST(ConfigFault, Of_an_origin_names_the_forms) {
  const std::string expected =
      ", expected \"same\", \"local\", \"*\" or SCHEME://HOST[:PORT] in lower case, as \"https://*.example.com\".";
  for (const std::string origin : {"", "Same", "example.com", "https://", "https://Example.com", "HTTPS://example.com",
                                   "https://*", "https://a.*.com", "https://example.com/x", "https://example.com:",
                                   "https://example.com:x", "https://example.com:65536", "https://[::1", "null",
                                   "https://.example.com", "https://example.com.", "://example.com"}) {
    EXPECT_EQ(fault("server.origins = ['" + origin + "']"),
              "crier.toml:1:19: server.origins[0]: found \"" + origin + "\"" + expected);
  }
  EXPECT_EQ(fault("server.origins = ['https://example.com/']"),
            "crier.toml:1:19: server.origins[0]: found \"https://example.com/\"" + expected +
                " Browsers send no \"/\" at the end: this would match nothing.");
}

TEST(ConfigFault, Of_an_administrative_host_asks_for_a_name_without_a_port) {
  for (const std::string host : {"", "example.com:80", "example.com.", ".example.com", "a..b", "a b", "::1", "[::1"}) {
    EXPECT_EQ(fault("server.admin_hosts = ['" + host + "']"),
              "crier.toml:1:23: server.admin_hosts[0]: found \"" + host +
                  "\", expected a host name or address without port and trailing dot, as \"crier.example.com\".");
  }
}

TEST(ConfigFault, Of_a_namespace_asks_for_a_table_with_a_name_that_channels_can_have) {
  EXPECT_EQ(fault("namespace.\"a b\".publish = 'anyone'"),
            "crier.toml:1:11: namespace.\"a b\": found \"a b\", expected a name of letters, digits, \"_\" and \"-\". "
            "No channel could belong to it.");
  EXPECT_EQ(fault("[namespace]\npublish = 'nobody'"),
            "crier.toml:2:1: namespace.publish: found \"nobody\", expected a table: [namespace.default], say, and the "
            "settings below it.");
  EXPECT_EQ(fault("[[server]]"),
            "crier.toml:1:3: server: found an array, expected a table: [server] and the settings below it.");
  EXPECT_EQ(fault("namespace = 1"),
            "crier.toml:1:1: namespace: found 1, expected a table: [namespace] and the settings below it.");
}

TEST(ConfigFault, Describes_what_was_found_of_every_type) {
  const auto found = [](const std::string& value) {
    const std::string text = fault("log.format = " + value);
    const auto begin = text.find("found ") + 6;
    return text.substr(begin, text.find(", expected") - begin);
  };
  EXPECT_EQ(found("true"), "true");
  EXPECT_EQ(found("0x1F"), "31");
  EXPECT_EQ(found("-1.5"), "-1.5");
  EXPECT_EQ(found("1e30"), "1e+30");
  EXPECT_EQ(found("nan"), "nan");
  EXPECT_EQ(found("-inf"), "-inf");
  EXPECT_EQ(found("{a = 1}"), "a table");
  EXPECT_EQ(found("2020-01-01T00:00:00Z"), "a date");
  EXPECT_EQ(found("10:00:00"), "a time");
}

TEST(ConfigFault, Of_every_kind_in_one_file_are_all_told_in_the_order_of_the_lines) {
  EXPECT_EQ(
      faults(R"([namespace.z]
publish = "grated"
[log]
level = 3
[server]
threads = 300
lisen = []
drain_timeout = "1ms"
[limits]
heartbeat = "80s"
[namespace.default]
message_bytes_max = "2MiB"
[serve]
)"),
      (std::vector<std::string>{
          "crier.toml:2:1: namespace.z.publish: found \"grated\", expected \"anyone\", \"authenticated\", "
          "\"granted\" or \"nobody\". Did you mean \"granted\"?",
          "crier.toml:4:1: log.level: found 3, expected \"debug\", \"info\", \"warn\" or \"error\".",
          "crier.toml:6:1: server.threads: found 300, expected an integer from 0 to 256. More threads than cores "
          "only take turns.",
          "crier.toml:7:1: server.lisen: unknown key `lisen`, did you mean `listen`?",
          "crier.toml:8:1: server.drain_timeout: found \"1ms\", expected a duration from 100ms to 1h with its unit, as "
          "\"500ms\", \"10s\", \"5m\" or \"1h\". All clients would come back at the same moment.",
          "crier.toml:10:1: limits.heartbeat: found 80s, expected less than limits.idle_timeout (75s). Idle "
          "subscribers would be closed before their first ping.",
          "crier.toml:12:1: namespace.default.message_bytes_max: found 2MiB, expected at most "
          "limits.incoming_bytes_max (1MiB). Messages between the two would end the connection that publishes "
          "them.",
          "crier.toml:12:1: limits.outbox_bytes_max: found 1MiB (the default), expected at least 2049KiB: "
          "namespace.default.message_bytes_max (2MiB) and 1KiB around it. A single largest message would "
          "disconnect every subscriber.",
          "crier.toml:12:1: limits.inflight_bytes_max: found 1MiB (the default), expected at least 2049KiB: "
          "namespace.default.message_bytes_max (2MiB) and 1KiB around it. A publisher of one largest message "
          "would wait for ever.",
          "crier.toml:13:2: serve: unknown table [serve], did you mean [server]?",
      }));
}

TEST(ParseToml, Answers_for_every_beginning_and_every_end_of_a_file) {
  const std::string_view text =
      "[server]\nlisten = [\"127.0.0.1:1\"]\nthreads = 0x10\n[namespace.\"a\"]\npublish = '''nobody'''\nhistory = "
      "{messages = 1, age = '2s'}\n"
      "[limits]\nheartbeat = \"1s\" # grün\nchannels_max = 1_000\n[[x.y]]\nz = {a.b = 2020-01-01}\n";
  testing::for_every_cut(text, [](std::string_view first, std::string_view second) {
    for (const std::string_view part : {first, second}) {
      const auto result = parse_toml(part, "f");
      if (!result) {
        EXPECT_FALSE(result.error().empty()) << part;
        for (const Problem& problem : result.error()) EXPECT_TRUE(problem.place.starts_with("f:")) << problem.text();
      } else {
        EXPECT_TRUE(check(*result).empty()) << part;
      }
    }
  });
}

}  // namespace
}  // namespace crier::config
