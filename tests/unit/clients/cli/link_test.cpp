#include "clients/cli/link.hpp"

#include <gtest/gtest.h>

#include "clients/cli/key_budget.hpp"
#include "clients/cli/top/admin_request.hpp"

namespace crier::cli {
namespace {

TEST(Link, Says_the_names_of_its_own_options_and_leaves_the_brokers_alone) {
  EXPECT_EQ(in_own_words("set tls.ca_file to it"), "set --ca-file to it");
  EXPECT_EQ(in_own_words("tls.certificate_file and tls.private_key_file belong together"),
            "--cert and --client-key belong together");
  EXPECT_EQ(in_own_words("over the broker's limits.incoming_bytes_max (10)"),
            "over the broker's limits.incoming_bytes_max (10)");
}

TEST(KeyBudget, Gives_many_at_once_and_then_as_many_as_time_brings) {
  KeyBudget budget;
  const KeyBudget::Clock::time_point start(std::chrono::hours(1));
  for (int i = 0; i < 10'000; ++i) ASSERT_TRUE(budget.take(start));
  EXPECT_FALSE(budget.take(start));
  const auto later = start + std::chrono::milliseconds(25);
  EXPECT_TRUE(budget.take(later));
  EXPECT_TRUE(budget.take(later));
  EXPECT_FALSE(budget.take(later));
  budget.close();
  EXPECT_FALSE(budget.take(start + std::chrono::hours(1)));
}

TEST(AdminPlace, Is_a_host_and_a_port_with_or_without_the_scheme) {
  for (const char* text : {"127.0.0.1:9008", "http://127.0.0.1:9008", "http://127.0.0.1:9008/"}) {
    const auto place = parse_admin(text);
    ASSERT_TRUE(place) << text;
    EXPECT_EQ(place->host, "127.0.0.1");
    EXPECT_EQ(place->port, "9008");
    EXPECT_EQ(place->authority, "127.0.0.1:9008");
  }
  const auto ipv6 = parse_admin("http://[::1]:9008");
  ASSERT_TRUE(ipv6);
  EXPECT_EQ(ipv6->host, "::1");
  EXPECT_EQ(ipv6->authority, "[::1]:9008");
}

TEST(AdminPlace, Refuses_what_is_no_address_and_what_could_become_another_request) {
  for (const char* text : {"", "nowhere", ":9008", "host:", "https://host:1", "http://host:1/metrics", "a@b:1",
                           "host:1\r\nX: y", "host: 1"}) {
    EXPECT_FALSE(parse_admin(text)) << text;
  }
}

}  // namespace
}  // namespace crier::cli
