#include "broker/runtime/log_site.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string_view>

namespace crier::runtime {
namespace {

constexpr std::size_t at_once = 2 * log_site_lines_per_second;

class LogSiteTest : public ::testing::Test {
 protected:
  // How many of `count` lines at that time get through.
  std::size_t through(std::size_t count, std::int64_t now_ms) {
    std::size_t taken = 0;
    for (std::size_t i = 0; i < count; ++i) taken += site.take(now_ms) ? 1 : 0;
    return taken;
  }
  LogSite site{"test", LogLevel::info, "something happened"};
};

TEST_F(LogSiteTest, Lets_a_burst_through_and_then_so_many_a_second) {
  EXPECT_EQ(through(1000, 5000), at_once);
  EXPECT_EQ(through(1000, 6000), log_site_lines_per_second);
  EXPECT_EQ(through(1000, 6100), 1U);
  EXPECT_EQ(site.suppressed(), 1000 - at_once + 1000 - log_site_lines_per_second + 999);
}

TEST_F(LogSiteTest, Tells_once_how_many_were_kept_back_when_it_has_been_calm_for_a_second) {
  EXPECT_EQ(through(at_once, 5000), at_once);
  EXPECT_EQ(site.untold(9000), std::nullopt);  // none was kept back
  EXPECT_EQ(through(30, 9000), at_once);
  EXPECT_EQ(site.untold(9999), std::nullopt);
  EXPECT_EQ(site.untold(10'000), 30 - at_once);
  EXPECT_EQ(site.untold(20'000), std::nullopt);
}

TEST_F(LogSiteTest, Tells_once_a_minute_while_it_goes_on) {
  std::uint64_t told = 0;
  unsigned times = 0;
  for (std::int64_t now_ms = 0; now_ms <= 180'000; now_ms += 100) {
    through(10, now_ms);
    if (const auto lines = site.untold(now_ms)) {
      told += *lines;
      ++times;
    }
  }
  EXPECT_GE(times, 2U);
  EXPECT_LE(times, 3U);
  told += site.untold(180'000, /*at_once=*/true).value_or(0);
  EXPECT_EQ(told, site.suppressed());
}

TEST_F(LogSiteTest, Tells_at_the_end_whatever_is_untold) {
  through(at_once + 1, 5000);
  EXPECT_EQ(site.untold(5000, /*at_once=*/true), 1U);
  EXPECT_EQ(site.untold(5000, /*at_once=*/true), std::nullopt);
}

TEST(LogSites, Have_names_of_their_own) {
  std::set<std::string_view> names;
  for (const LogSite* const site : log_sites().all()) EXPECT_TRUE(names.insert(site->name()).second) << site->name();
  EXPECT_EQ(sizeof(LogSites), names.size() * sizeof(LogSite)) << "all() misses one";
}

}  // namespace
}  // namespace crier::runtime
