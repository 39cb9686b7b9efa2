#include "clients/cli/bench/failure.hpp"

#include <gtest/gtest.h>

#include "clients/cli/exit_code.hpp"

namespace crier::cli::benchmark {
namespace {

using websocket::CloseCode;

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

TEST(Failures, Tell_each_sentence_once_with_how_often) {
  Failures failures;
  EXPECT_EQ(failures.exit_code(), exit_done);
  failures.add({exit_unreachable, "refused"});
  failures.add({exit_failed, "closed"});
  failures.add({exit_unreachable, "refused"});
  EXPECT_EQ(failures.texts(), (std::vector<std::string>{"refused (2 times)", "closed"}));
  EXPECT_EQ(failures.exit_code(), exit_unreachable);
}

TEST(Failures, Are_bounded_however_many_kinds_there_are) {
  Failures failures;
  for (int i = 0; i < 100; ++i) failures.add({exit_failed, "number " + std::to_string(i)});
  EXPECT_EQ(failures.texts().size(), Failures::kinds_max + 1);
  EXPECT_EQ(failures.texts().back(), "and 92 of other kinds");
}

TEST(RefusedUpgrade, Says_what_the_broker_says_and_what_to_do) {
  const Failure unauthorized = refused_upgrade(401, "the token has expired");
  EXPECT_EQ(unauthorized.exit_code, exit_failed);
  EXPECT_TRUE(has(unauthorized.text, "401: the token has expired"));
  EXPECT_TRUE(has(unauthorized.text, "CRIER_TOKEN"));
  const Failure full = refused_upgrade(429, "");
  EXPECT_EQ(full.exit_code, exit_unreachable);
  EXPECT_TRUE(has(full.text, "limits.connections_per_ip_max"));
  EXPECT_TRUE(has(refused_upgrade(503, "").text, "limits.connections_max"));
  EXPECT_TRUE(has(refused_upgrade(404, "").text, "/message"));
}

TEST(ClosedText, Names_the_code_the_reason_and_the_way_out) {
  EXPECT_EQ(closed_text(CloseCode::normal, ""), "closed with 1000 normal");
  EXPECT_TRUE(has(closed_text(CloseCode::service_restart, "going"), "(going): the broker drains"));
  EXPECT_TRUE(has(closed_text(CloseCode::slow_consumer, "slow_consumer"), "--threads"));
}

TEST(Printable, Keeps_terminals_safe) {
  EXPECT_EQ(printable("a\x1b[2Jb\n"), "a.[2Jb.");
  EXPECT_EQ(printable(std::string(1000, 'x')).size(), 300U);
}

}  // namespace
}  // namespace crier::cli::benchmark
