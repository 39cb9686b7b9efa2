#include "broker/config/reload.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "broker/config/listing.hpp"
#include "tests/unit/broker/config/support.hpp"

namespace crier::config {
namespace {

using Names = std::vector<std::string>;

Reload planned(const std::string& before, const std::string& after) {
  const auto plan = plan_reload(parsed(before), parsed(after));
  EXPECT_TRUE(plan);
  return plan ? *plan : Reload{};
}

TEST(Reload, Changes_nothing_where_nothing_differs) {
  const Reload same = planned("server.threads = 3", "[server]\nthreads = 3\n[limits]\nheartbeat = '25s'");
  EXPECT_EQ(same.changed, Names{});
  EXPECT_EQ(same.fixed, Names{});
  EXPECT_EQ(same.config, parsed("server.threads = 3"));
}

TEST(Reload, Names_what_changes_and_what_cannot) {
  const Reload reload =
      planned("[server]\nthreads = 2\npaths = ['/a']\n[limits]\nheartbeat = '20s'",
              "[server]\nthreads = 4\npaths = ['/b']\nlisten = ['127.0.0.1:1']\n[log]\nlevel = 'warn'\n"
              "format = 'json'");
  EXPECT_EQ(reload.changed, (Names{"server.paths", "limits.heartbeat", "log.level"}));
  EXPECT_EQ(reload.fixed, (Names{"server.listen", "server.threads", "log.format"}));
  EXPECT_EQ(reload.config, parsed("[server]\nthreads = 2\npaths = ['/b']\n[log]\nlevel = 'warn'"));
}

TEST(Reload, Knows_origins_that_are_not_set_from_none) {
  EXPECT_EQ(planned("", "server.origins = []").changed, Names{"server.origins"});
  EXPECT_EQ(planned("server.origins = []", "").changed, Names{"server.origins"});
}

TEST(Reload, Names_arrays_of_tables_as_a_whole) {
  const std::string head = "server.hosts = ['a']\n";
  EXPECT_EQ(planned(head + service_key("a"), head + service_key("a") + service_key("b", 'b')).changed,
            Names{"auth.service_key"});
  EXPECT_EQ(planned(head + service_key("a") + service_key("b", 'b'), head + service_key("b", 'b')).changed,
            Names{"auth.service_key"});
  const std::string tls = "[tls]\ncertificate = 'a'\nprivate_key = 'b'\n";
  EXPECT_EQ(planned(tls, tls + "[[tls.host]]\nname = 'c'\ncertificate = 'd'\nprivate_key = 'e'").changed,
            Names{"tls.host"});
}

TEST(Reload, Names_namespaces_that_come_and_go_and_keys_of_those_that_stay) {
  EXPECT_EQ(planned("[namespace.a]\n[namespace.b]", "[namespace.a]\nhistory.age = '1s'\n[namespace.c]").changed,
            (Names{"namespace.a.history.age", "namespace.b", "namespace.c"}));
}

TEST(Reload, Names_a_secret_and_never_shows_it) {
  const std::string head = "server.hosts = ['a']\n";
  EXPECT_EQ(planned(head + with_secret(32), head + with_secret(33)).changed, Names{"auth.jwt.secret"});
}

TEST(Reload, Names_what_follows_from_the_first_key_too) {
  EXPECT_EQ(planned("server.hosts = ['a']", "server.hosts = ['a']\n" + service_key("a")).changed,
            (Names{"namespace.default.publish", "namespace.default.pattern_access", "auth.service_key"}));
}

TEST(Reload, Keeps_every_fixed_setting_as_it_was) {
  const std::string before =
      "[server]\nlisten = ['127.0.0.1:1', 'unix:/a\"b']\nadmin = '[::1]:1'\nthreads = 7\nproxy_protocol = true\n"
      "state_dir = '/a\\b'\n[limits]\nconnections_max = 3\n[engine]\nqueue_bytes_max = '1MiB'\ntimeout = '7s'\n[log]\n"
      "format = 'json'\n";
  const Reload reload = planned(before, "");
  EXPECT_EQ(reload.config, parsed(before));
  EXPECT_EQ(reload.changed, Names{});
  EXPECT_EQ(reload.fixed,
            (Names{"server.listen", "server.admin", "server.threads", "server.proxy_protocol", "server.state_dir",
                   "limits.connections_max", "engine.queue_bytes_max", "engine.timeout", "log.format"}));
  Config echoing = parsed("");
  echoing.server.echo = true;
  const auto kept = plan_reload(echoing, parsed(""));
  ASSERT_TRUE(kept);
  EXPECT_TRUE(kept->config.server.echo);
}

TEST(Reload, Is_refused_when_the_mixture_would_break_a_rule) {
  const std::string open = "[server]\nlisten = ['0.0.0.0:1']\nprotected_mode = false\nhosts = ['a']\n";
  const auto plan = plan_reload(parsed(open), parsed("[server]\nlisten = ['127.0.0.1:1']\n"));
  ASSERT_FALSE(plan);
  ASSERT_EQ(plan.error().size(), 1U);
  EXPECT_TRUE(
      plan.error()[0].text().starts_with("configuration: server.listen[0]: found \"0.0.0.0:1\", expected a "
                                         "loopback address"));
}

TEST(Reload, Leaves_it_to_a_restart_to_switch_tls_on_or_off) {
  const std::string tls = "[tls]\ncertificate = '/c.pem'\nprivate_key = '/k.pem'\n";
  const Reload off = planned(tls, "");
  EXPECT_EQ(off.fixed, Names{"tls"});
  EXPECT_EQ(off.changed, Names{});
  EXPECT_EQ(off.config, parsed(tls));
  EXPECT_EQ(planned("", tls).fixed, Names{"tls"});
  EXPECT_EQ(planned(tls, "[tls]\ncertificate = '/d.pem'\nprivate_key = '/k.pem'\n").changed, Names{"tls.certificate"});
}

TEST(Reload, Is_refused_when_nobody_could_prove_anything_any_more) {
  const auto plan = plan_reload(parsed("server.hosts = ['a']\n" + service_key("a")), parsed(""));
  ASSERT_FALSE(plan);
  EXPECT_NE(plan.error().front().text().find("restart"), std::string::npos) << plan.error().front().text();
}

TEST(FilesOf, Are_all_that_the_configuration_names_each_once) {
  EXPECT_EQ(files_of(Config{}), Names{});
  EXPECT_EQ(files_of(parsed("[server]\nhosts = ['a']\n[tls]\ncertificate = 'c'\nprivate_key = 'b'\nclient_ca = 'd'\n"
                            "[[tls.host]]\nname = 'x'\ncertificate = 'c'\nprivate_key = 'e'\n"
                            "[auth.jwt]\nalgorithms = ['RS256']\npublic_key = 'a'\njwks = 'f'")),
            (Names{"a", "b", "c", "d", "e", "f"}));
}

TEST(Entries, Hold_every_supported_key) {
  const auto all =
      entries(parsed("[server]\nhosts = ['a']\norigins = []\n[tls]\ncertificate = 'a'\nprivate_key = 'b'\n"
                     "[[tls.host]]\nname = 'x'\ncertificate = 'c'\nprivate_key = 'e'\n" +
                     service_key("a")));
  for (std::string key : supported_keys()) {
    if (const auto star = key.find('*'); star != std::string::npos) key.replace(star, 1, "default");
    if (const auto brackets = key.find("[]"); brackets != std::string::npos) key.replace(brackets, 2, "[0]");
    const auto entry = std::ranges::find_if(all, [&](const Entry& e) { return e.id() == key; });
    ASSERT_NE(entry, all.end()) << key;
    EXPECT_NE(entry->text, "") << key;
  }
}

}  // namespace
}  // namespace crier::config
