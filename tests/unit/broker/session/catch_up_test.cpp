// Clients that read too slowly, or that ask for the past: what they are let go of, and how they get it.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/fake_host.hpp"

namespace crier::session {
namespace {

using testing::FakeClient;
using testing::FakeLoop;
using testing::FakeWorld;

constexpr std::size_t outbox_max = 16'000;

class CatchUpTest : public ::testing::Test {
 protected:
  CatchUpTest() {
    config.limits.outbox_bytes_max = outbox_max;
    config.limits.channels_per_connection_max = 8;
    config::Namespace one = config.namespaces["default"];
    one.presence = false;
    config.namespaces["strict"] = one;  // with a history of 100: what lags is continued, at most that far
    one.overflow = config::Overflow::drop_oldest;
    config.namespaces["drop"] = one;
    one.history.messages = 5;
    config.namespaces["brief"] = one;
    one.overflow = config::Overflow::disconnect;
    config.namespaces["short"] = one;
    one.history.messages = 0;
    config.namespaces["bare"] = one;
    one.overflow = config::Overflow::drop_oldest;
    config.namespaces["lossy"] = one;
    one.overflow = config::Overflow::conflate;
    config.namespaces["latest"] = one;
    config.namespaces["members"] = config.namespaces["default"];
    config.namespaces["members"].presence = true;
  }
  static std::string channel_command(std::string_view op, std::string_view channel, std::string_view more = "") {
    std::string text = R"({"op":")";
    return text.append(op).append(R"(","channel":")").append(channel).append("\"").append(more).append("}");
  }
  void subscribe(FakeClient& who, std::string_view channel, std::string_view more = "") {
    who.say(channel_command("subscribe", channel, more));
    ASSERT_TRUE(world.settle());
  }
  // The number, and a kilobyte of padding.
  void publish(std::string_view channel, int number, std::string_view more = "") {
    std::string data = R"(,"data":")";
    data.append(std::to_string(number)).append(std::string(1000, ' ')).append("\"").append(more);
    publisher.say(channel_command("publish", channel, data));
    ASSERT_TRUE(world.settle());
  }
  // What one text comes to: a message's number, "gap 3", "gap 3 conflated", "gap", or the op.
  static std::string gist(const std::string& text) {
    const nlohmann::json push = nlohmann::json::parse(text);
    const std::string op = push["op"];
    if (op == "message") {
      const std::string data = push["data"];
      return data.substr(0, data.find(' '));
    }
    if (op != "gap") return op;
    std::string all = op;
    if (push.contains("lost")) all.append(" ").append(push["lost"].dump());
    if (push["conflated"]) all += " conflated";
    return all;
  }
  // Reads everything that is written, and what comes when it is, until nothing more does.
  std::string read_all(FakeClient& who) {
    std::string all;
    for (bool more = true; more;) {
      EXPECT_TRUE(who.flush());
      EXPECT_TRUE(world.settle());
      more = who.host.flush_wanted;
      for (const std::string& text : who.host.take_texts()) {
        all.append(all.empty() ? "" : ",").append(gist(text));
      }
    }
    return all;
  }
  // Publishes `first` to `last` to a client whose socket takes nothing; false as soon as it is to end.
  bool stall(FakeClient& who, std::string_view channel, int first, int last, std::string_view more = "") {
    bool kept = true;
    for (int number = first; number <= last; ++number) {
      publish(channel, number, more);
      kept = who.flush(0) && kept;
    }
    return kept;
  }
  static std::string numbers(int first, int last) {
    std::string all;
    for (int number = first; number <= last; ++number) {
      all.append(all.empty() ? "" : ",").append(std::to_string(number));
    }
    return all;
  }

  config::Config config;
  FakeWorld world{{.shards = 2, .config = &config}};
  FakeLoop loop{world, 0};
  FakeLoop far_loop{world, 1};
  FakeClient client{loop, 1};
  FakeClient publisher{far_loop, 2};
};

// --- slow readers

TEST_F(CatchUpTest, Lets_go_over_the_limit_and_not_before_and_delivers_everything_in_order_as_the_socket_drains) {
  for (const char* channel : {"drop:a", "strict:a"}) {
    FakeClient slow(loop, 7);
    subscribe(slow, channel);
    static_cast<void>(read_all(slow));
    int number = 0;
    while (slow.host.outbox().bytes() <= outbox_max) {
      EXPECT_EQ(world.metrics(0).lagging.value(), 0);
      ++number;
      EXPECT_TRUE(stall(slow, channel, number, number));
    }
    EXPECT_EQ(world.metrics(0).lagging.value(), 1);
    const std::size_t waiting = slow.host.outbox().bytes();
    EXPECT_TRUE(stall(slow, channel, number + 1, 60));
    EXPECT_EQ(slow.host.outbox().bytes(), waiting) << "it holds a position and no messages";
    EXPECT_EQ(read_all(slow), numbers(1, 60));
    EXPECT_EQ(world.metrics(0).lagging.value(), 0);
    publish(channel, 61);
    EXPECT_EQ(read_all(slow), "61") << "live again";
  }
  EXPECT_EQ(world.metrics(0).gaps.value(), 0U);
}

TEST_F(CatchUpTest, Fetches_only_when_little_waits_and_never_brings_more_than_the_outbox_may_hold) {
  subscribe(client, "drop:a");
  static_cast<void>(read_all(client));
  EXPECT_TRUE(stall(client, "drop:a", 1, 40));
  const auto fetches = [&] { return world.metrics(0).fetches.value() + world.metrics(1).fetches.value(); };
  EXPECT_EQ(fetches(), 0U);
  const std::size_t waiting = client.host.outbox().bytes();
  EXPECT_TRUE(client.flush(waiting - outbox_max / 3));
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(fetches(), 0U) << "over a quarter";
  EXPECT_TRUE(client.flush(outbox_max / 6));
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(fetches(), 1U);
  std::size_t most = 0;
  for (int i = 0; i < 300; ++i) {
    EXPECT_TRUE(client.flush(500));
    ASSERT_TRUE(world.settle());
    most = std::max(most, client.host.outbox().bytes());
  }
  EXPECT_LE(most, outbox_max / 2);
  EXPECT_GT(fetches(), 10U) << "an eighth of the outbox at a time";
  EXPECT_EQ(read_all(client), numbers(1, 40));
}

TEST_F(CatchUpTest, Has_one_piece_on_its_way_at_a_time_and_serves_its_channels_in_turn) {
  // Both live at other homes, or at the same one, as the hash will have it.
  for (const char* channel : {"drop:a", "drop:b", "drop:c"}) subscribe(client, channel);
  static_cast<void>(read_all(client));
  for (int number = 1; number <= 30; ++number) {
    for (const char* channel : {"drop:a", "drop:b", "drop:c"}) publish(channel, number);
    EXPECT_TRUE(client.flush(0));
  }
  EXPECT_EQ(world.metrics(0).lagging.value(), 3);
  std::vector<std::string> channels;
  const auto fetches = [&] { return world.metrics(0).fetches.value() + world.metrics(1).fetches.value(); };
  for (int i = 0; i < 200; ++i) {
    const std::uint64_t before = fetches();
    EXPECT_TRUE(client.flush());
    EXPECT_TRUE(client.flush());  // asks for nothing more while the first is on its way
    ASSERT_TRUE(world.settle());
    EXPECT_LE(fetches() - before, 1U);
    std::string piece;
    for (const std::string& text : client.host.take_texts()) {
      const std::string channel = nlohmann::json::parse(text)["channel"];
      if (!channels.empty() && piece.empty()) piece = channel;
      channels.push_back(channel);
    }
  }
  EXPECT_EQ(channels.size(), 90U);
  // No channel is all done before another one has begun its second half.
  const auto last_of = [&](const char* channel) {
    std::size_t last = 0;
    for (std::size_t at = 0; at < channels.size(); ++at) last = channels[at] == channel ? at : last;
    return last;
  };
  for (const char* channel : {"drop:a", "drop:b", "drop:c"}) EXPECT_GT(last_of(channel), 75U);
}

TEST_F(CatchUpTest, Ends_under_disconnect_without_a_history_and_holds_no_more_than_it_may) {
  subscribe(client, "bare:a");
  static_cast<void>(read_all(client));
  EXPECT_TRUE(stall(client, "bare:a", 1, 8));
  EXPECT_FALSE(stall(client, "bare:a", 9, 20)) << "there is nothing that could be had later";
}

TEST_F(CatchUpTest, Ends_under_disconnect_once_the_history_no_longer_reaches_back_to_it) {
  subscribe(client, "short:a");  // five messages
  static_cast<void>(read_all(client));
  int number = 0;
  while (world.metrics(0).lagging.value() == 0 && ++number < 100) {
    EXPECT_TRUE(stall(client, "short:a", number, number));
  }
  EXPECT_TRUE(stall(client, "short:a", number + 1, number + 5));
  EXPECT_FALSE(stall(client, "short:a", number + 6, number + 6));
  EXPECT_FALSE(client.flush()) << "also when its socket takes everything now";
}

TEST_F(CatchUpTest, Tells_of_what_the_history_lost_at_its_place_where_the_oldest_may_be_dropped) {
  subscribe(client, "brief:a");  // five messages
  static_cast<void>(read_all(client));
  EXPECT_TRUE(stall(client, "brief:a", 1, 30));
  const std::string all = read_all(client);
  const std::size_t gap = all.find(",gap ");
  ASSERT_NE(gap, std::string::npos) << all;
  const int kept = static_cast<int>(std::count(all.begin(), all.begin() + static_cast<long>(gap), ',')) + 1;
  std::string expected = numbers(1, kept);
  expected.append(",gap ").append(std::to_string(25 - kept)).append(",").append(numbers(26, 30));
  EXPECT_EQ(all, expected);
  EXPECT_EQ(world.metrics(0).lost.value(), static_cast<std::uint64_t>(25 - kept));
}

TEST_F(CatchUpTest, Delivers_from_a_shared_backlog_where_there_is_no_history) {
  subscribe(client, "lossy:a");
  static_cast<void>(read_all(client));
  EXPECT_TRUE(stall(client, "lossy:a", 1, 60));
  EXPECT_EQ(read_all(client), numbers(1, 60));
  EXPECT_EQ(world.metrics(0).fetches.value() + world.metrics(1).fetches.value(), 0U);
}

TEST_F(CatchUpTest, Tells_of_what_newer_messages_of_the_same_key_replaced) {
  subscribe(client, "latest:a");
  static_cast<void>(read_all(client));
  EXPECT_TRUE(stall(client, "latest:a", 1, 30, R"(,"conflate":"k")"));
  const std::string all = read_all(client);
  const std::size_t gap = all.find(",gap ");
  ASSERT_NE(gap, std::string::npos) << all;
  const int kept = static_cast<int>(std::count(all.begin(), all.begin() + static_cast<long>(gap), ',')) + 1;
  std::string expected = numbers(1, kept);
  expected.append(",gap ").append(std::to_string(29 - kept)).append(" conflated,30");
  EXPECT_EQ(all, expected);
  EXPECT_EQ(world.metrics(0).conflated.value(), static_cast<std::uint64_t>(29 - kept));
}

TEST_F(CatchUpTest, Leaves_out_of_what_it_catches_up_with_what_was_not_for_it) {
  for (const char* channel : {"drop:a", "lossy:a"}) {
    FakeClient slow(loop, 7);
    subscribe(slow, channel);
    static_cast<void>(read_all(slow));
    EXPECT_TRUE(stall(slow, channel, 1, 20));
    std::string exclude = R"(,"exclude":")";
    EXPECT_TRUE(stall(slow, channel, 21, 30, exclude.append(slow.id()).append("\"")));
    EXPECT_TRUE(stall(slow, channel, 31, 32));
    EXPECT_EQ(read_all(slow), numbers(1, 20).append(",31,32"));
  }
}

TEST_F(CatchUpTest, Does_not_count_as_lost_what_was_not_for_it_and_then_gives_no_number) {
  subscribe(client, "brief:a");  // five messages
  static_cast<void>(read_all(client));
  EXPECT_TRUE(stall(client, "brief:a", 1, 20));
  std::string exclude = R"(,"exclude":")";
  EXPECT_TRUE(stall(client, "brief:a", 21, 25, exclude.append(client.id()).append("\"")));
  EXPECT_TRUE(stall(client, "brief:a", 26, 40));
  const std::string all = read_all(client);
  EXPECT_NE(all.find(std::string(",gap,").append(numbers(36, 40))), std::string::npos) << all;
}

TEST_F(CatchUpTest, Lets_drain_what_one_turn_brought_over_the_limit_but_takes_only_some_replies_on_top_of_it) {
  subscribe(client, "drop:a");
  static_cast<void>(read_all(client));
  for (int number = 1; number <= 30; ++number) publish("drop:a", number);  // no write in between
  EXPECT_TRUE(client.flush(0)) << "twice the limit, but from now on it gets nothing more";
  EXPECT_TRUE(client.flush(1000));
  const auto ping = [&](int times) {
    for (int i = 0; i < times; ++i) client.say(R"({"op":"ping","id":"0123456789012345678901234567890123456789"})");
  };
  ping(20);
  EXPECT_TRUE(client.flush(0)) << "there is room for some replies";
  publish("drop:a", 31);
  EXPECT_TRUE(client.flush(0));
  ping(80);
  EXPECT_FALSE(client.flush(0)) << "replies cannot be let go of";
}

TEST_F(CatchUpTest, Ends_whoever_asks_and_asks_and_reads_nothing_however_little_each_time) {
  subscribe(client, "drop:a");
  static_cast<void>(read_all(client));
  for (int number = 1; number <= 30; ++number) publish("drop:a", number);
  EXPECT_TRUE(client.flush(0));
  const std::size_t waiting = client.host.outbox().bytes();
  int asked = 0;
  while (client.flush(0) && asked < 1000) {
    for (int i = 0; i < 5; ++i, ++asked) client.say(R"({"op":"ping","id":"0123456789012345678901234567890123456789"})");
  }
  EXPECT_LT(asked, 200);
  EXPECT_LT(client.host.outbox().bytes(), waiting + outbox_max / 2);
}

TEST_F(CatchUpTest, Lets_drain_what_was_over_the_limit_also_when_its_channel_is_left_meanwhile) {
  subscribe(client, "drop:a");
  static_cast<void>(read_all(client));
  for (int number = 1; number <= 30; ++number) publish("drop:a", number);
  EXPECT_TRUE(client.flush(0));
  client.say(channel_command("unsubscribe", "drop:a"));
  EXPECT_TRUE(client.flush(1000));
  ASSERT_TRUE(world.settle());
  EXPECT_TRUE(client.flush(1000));
  EXPECT_EQ(read_all(client), numbers(1, 30).append(",unsubscribed"));
}

TEST_F(CatchUpTest, Ends_when_replies_alone_are_more_than_the_outbox_may_hold) {
  std::string pings = "[";
  for (int i = 0; i < 800; ++i) pings += R"({"op":"ping","id":"0123456789"},)";
  pings.back() = ']';
  client.say(pings);
  EXPECT_FALSE(client.flush(0));
}

TEST_F(CatchUpTest, May_leave_or_die_with_a_piece_on_its_way) {
  subscribe(client, "drop:a");
  static_cast<void>(read_all(client));
  EXPECT_TRUE(stall(client, "drop:a", 1, 40));
  EXPECT_TRUE(client.flush());  // asks for a piece
  client.say(channel_command("unsubscribe", "drop:a"));
  const std::string all = read_all(client);
  EXPECT_EQ(all.substr(all.rfind(',') + 1), "unsubscribed") << "nothing of it behind its end";
  EXPECT_EQ(world.metrics(0).lagging.value(), 0);

  subscribe(client, "drop:a");
  static_cast<void>(read_all(client));
  EXPECT_TRUE(stall(client, "drop:a", 41, 80));
  EXPECT_TRUE(client.flush());
  client.die();
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.metrics(0).lagging.value(), 0);
  EXPECT_EQ(world.channels(), 0);
}

TEST_F(CatchUpTest, Gets_a_pattern_s_messages_with_the_pattern_also_from_a_backlog) {
  subscribe(client, "lossy:*");
  static_cast<void>(read_all(client));
  EXPECT_TRUE(stall(client, "lossy:a", 1, 20));
  EXPECT_TRUE(client.flush());
  ASSERT_TRUE(world.settle());
  std::size_t count = 0;
  for (bool more = true; more;) {
    EXPECT_TRUE(client.flush());
    const std::vector<std::string> texts = client.host.take_texts();
    for (const std::string& text : texts) {
      EXPECT_EQ(nlohmann::json::parse(text)["pattern"], "lossy:*");
      ++count;
    }
    more = !texts.empty();
  }
  EXPECT_EQ(count, 20U);
}

// --- watchers

TEST_F(CatchUpTest, Gets_the_members_anew_when_it_has_caught_up_and_single_ones_from_then_on) {
  subscribe(client, "members:a", R"(,"presence":true)");
  static_cast<void>(read_all(client));
  EXPECT_TRUE(stall(client, "members:a", 1, 20));
  FakeClient guest(far_loop, 9);
  subscribe(guest, "members:a");
  static_cast<void>(read_all(guest));
  EXPECT_EQ(read_all(client), numbers(1, 20).append(",presence")) << "no join that lies before what it missed";
  guest.die();
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(read_all(client), "leave");
}

// --- replays

TEST_F(CatchUpTest, Replays_a_history_through_an_outbox_that_is_smaller_and_goes_on_live) {
  for (int number = 1; number <= 50; ++number) publish("drop:a", number);
  client.say(channel_command("subscribe", "drop:a", R"(,"since":"e:0")"));
  ASSERT_TRUE(world.settle());
  publish("drop:a", 51);  // while it catches up
  for (int i = 0; i < 60; ++i) {
    EXPECT_TRUE(client.flush(700));
    ASSERT_TRUE(world.settle());
    EXPECT_LE(client.host.outbox().bytes(), outbox_max / 2);
    if (i == 50) publish("drop:a", 52);
  }
  const std::string all = read_all(client);
  EXPECT_EQ(all, std::string("subscribed,").append(numbers(1, 52)));
  publish("drop:a", 53);
  EXPECT_EQ(read_all(client), "53");
}

TEST_F(CatchUpTest, Replays_the_last_ones_and_tells_where_its_stream_starts) {
  for (int number = 1; number <= 5; ++number) publish("drop:a", number);
  client.say(channel_command("subscribe", "drop:a", R"(,"last":2,"id":1)"));
  ASSERT_TRUE(world.settle());
  EXPECT_TRUE(client.flush());
  EXPECT_EQ(client.host.take_texts().at(0),
            R"({"op":"subscribed","id":1,"channel":"drop:a","position":"e:3","replayed":2})");
  EXPECT_EQ(read_all(client), "4,5");
}

TEST_F(CatchUpTest, Tells_of_what_was_evicted_in_the_middle_of_a_replay) {
  for (int number = 1; number <= 5; ++number) publish("brief:a", number);
  client.say(channel_command("subscribe", "brief:a", R"(,"since":"e:1")"));
  ASSERT_TRUE(world.settle());
  for (int number = 6; number <= 8; ++number) publish("brief:a", number);
  EXPECT_EQ(read_all(client), "subscribed,gap 2,4,5,6,7,8");
}

TEST_F(CatchUpTest, Tells_of_what_was_evicted_in_a_replay_also_under_disconnect_and_ends_nobody_for_it) {
  for (int number = 1; number <= 5; ++number) publish("short:a", number);
  client.say(channel_command("subscribe", "short:a", R"(,"since":"e:1")"));
  ASSERT_TRUE(world.settle());
  for (int number = 6; number <= 17; ++number) publish("short:a", number);
  EXPECT_EQ(read_all(client), "subscribed,gap 11,13,14,15,16,17");
}

TEST_F(CatchUpTest, Tells_of_a_message_whose_own_time_was_over_before_it_was_replayed) {
  publish("drop:a", 1);
  publish("drop:a", 2, R"(,"ttl":1)");
  publish("drop:a", 3);
  publish("drop:a", 4, R"(,"ttl":1)");
  world.pass(2000);
  client.say(channel_command("subscribe", "drop:a", R"(,"since":"e:0")"));
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(read_all(client), "subscribed,1,gap 1,3,gap 1");
}

}  // namespace
}  // namespace crier::session
