// A namespace's `rate`: what a home lets pass of a channel in a second.
#include "tests/unit/broker/hub/home_fixture.hpp"

namespace crier::hub {
namespace {

class HomeRateTest : public HomeTest {
 protected:
  HomeRateTest() {
    config.namespaces["slow"].rate = 2;
    config.namespaces["bare"].rate = 2;
    config.namespaces["bare"].history.messages = 0;
    now_ms = 1'700'000'000'000;
  }
  // "ok", or the error, of a message with an acknowledgement.
  std::string outcome(const std::string& channel, const std::string& key = {}) {
    lines.take();
    say(0, channel, {.tag = single(), .key = key});
    for (const std::string& line : lines.take()) {
      if (line.find(" published ") != std::string::npos)
        return line.find("again") != std::string::npos ? "again" : "ok";
      if (line.find(" refused ") != std::string::npos) return line.substr(10, line.find(" tag") - 10);
    }
    return "nothing";
  }
};

TEST_F(HomeRateTest, Lets_twice_the_rate_pass_at_once_and_refuses_the_rest_for_a_while) {
  for (const std::string channel : {"slow:a", "bare:a"}) {
    for (int i = 0; i < 4; ++i) EXPECT_EQ(outcome(channel), "ok") << channel << i;
    EXPECT_EQ(outcome(channel), "rate_limited");
    EXPECT_EQ(lines.retry_after_s, 1);
    now_ms += 500;
    EXPECT_EQ(outcome(channel), "ok");
    EXPECT_EQ(outcome(channel), "rate_limited");
  }
}

TEST_F(HomeRateTest, Counts_each_channel_by_itself_and_others_not_at_all) {
  for (int i = 0; i < 4; ++i) EXPECT_EQ(outcome("slow:a"), "ok");
  EXPECT_EQ(outcome("slow:a"), "rate_limited");
  EXPECT_EQ(outcome("slow:b"), "ok");
  for (int i = 0; i < 100; ++i) EXPECT_EQ(outcome("a"), "ok");
}

TEST_F(HomeRateTest, Stores_and_delivers_nothing_that_it_refuses) {
  subscribe(1, "slow:a", 1);
  for (int i = 0; i < 10; ++i) say(0, "slow:a", {});
  int messages = 0;
  int credits = 0;
  int refused = 0;
  for (const std::string& line : lines.take()) {
    messages += line.starts_with("1 message") ? 1 : 0;
    credits += line.starts_with("0 credit") ? 1 : 0;
    refused += line.starts_with("0 refused rate_limited") ? 1 : 0;
  }
  EXPECT_EQ(messages, 4);
  EXPECT_EQ(credits, 4);
  EXPECT_EQ(refused, 6) << "whoever wants no acknowledgement is told of errors all the same";
  EXPECT_EQ(fetch("slow:a", 0), "0 fetched 1 2 3 4 through 4#4 top");
  unsubscribe(1, "slow:a", 1);
}

TEST_F(HomeRateTest, Answers_a_retry_with_its_key_though_the_rate_is_used_up) {
  EXPECT_EQ(outcome("slow:a", "first"), "ok");
  for (int i = 0; i < 3; ++i) EXPECT_EQ(outcome("slow:a"), "ok");
  EXPECT_EQ(outcome("slow:a", "second"), "rate_limited");
  EXPECT_EQ(outcome("slow:a", "first"), "again");
  now_ms += 500;
  EXPECT_EQ(outcome("slow:a", "second"), "ok") << "the key was kept by a message that was refused";
}

TEST_F(HomeRateTest, Remembers_what_was_used_though_nobody_is_there) {
  for (int i = 0; i < 4; ++i) EXPECT_EQ(outcome("bare:a"), "ok");
  home().tick(now_ms);
  EXPECT_EQ(outcome("bare:a"), "rate_limited");
  // And forgets the channel once that makes no difference.
  now_ms += 2000;
  for (int i = 0; i < 100; ++i) home().tick(now_ms);
  handle(0, ListRequest{[&] {
           auto listing = std::make_unique<ChannelListing>();
           listing->limit = 10;
           listing->next = ListingPlace{};
           return listing;
         }()});
  EXPECT_EQ(lines.take_one(), "0 channels of all");
  for (int i = 0; i < 4; ++i) EXPECT_EQ(outcome("bare:a"), "ok");
}

TEST_F(HomeRateTest, Takes_a_new_rate_from_the_next_message_on) {
  for (int i = 0; i < 4; ++i) EXPECT_EQ(outcome("slow:a"), "ok");
  config.namespaces["slow"].rate = 0;
  home().reconfigure(limits);
  EXPECT_EQ(outcome("slow:a"), "ok");
  config.namespaces["slow"].rate = 100;
  home().reconfigure(limits);
  now_ms += 10;
  EXPECT_EQ(outcome("slow:a"), "ok");
}

}  // namespace
}  // namespace crier::hub
