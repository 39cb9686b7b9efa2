// What services may do: list channels, end connections and subscriptions. And that nobody else may.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <deque>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/fake_authenticator.hpp"
#include "tests/support/fake_host.hpp"

namespace crier::session {
namespace {

using nlohmann::json;
using testing::FakeAuthenticator;
using testing::FakeClient;
using testing::FakeHost;
using testing::FakeLoop;
using testing::FakeWorld;
using testing::user;
using websocket::CloseCode;
using Texts = std::vector<std::string>;

class ClientManageTest : public ::testing::Test, public HttpSession::Listener {
 protected:
  ClientManageTest() {
    config.auth.jwt.secret = "configured";
    config.namespaces["secret"].subscribe = config::Who::granted;
    config.namespaces["deaf"].subscribe = config::Who::nobody;
    service.start({}, principal(service_of({"secret:mine.>"})));
    static_cast<void>(texts(service));
  }
  static PrincipalPtr principal(auth::Principal who) { return std::make_shared<const auth::Principal>(std::move(who)); }
  static auth::Principal service_of(const Texts& subscribe, bool manage = true) {
    auth::Principal who = user("orders", subscribe);
    who.kind = auth::Principal::Kind::service;
    who.manage = manage;
    return who;
  }
  // A user's connection to that shard, with these subscriptions.
  FakeClient& enter(std::size_t shard, const std::string& name, const Texts& channels = {}) {
    FakeClient& client = clients.emplace_back(loops[shard], ++last_name);
    client.start({}, name.empty() ? nullptr : principal(user(name)));
    for (const std::string& channel : channels) {
      client.say(R"({"op":"subscribe","channel":")" + channel + R"("})");
    }
    static_cast<void>(texts(client));
    return client;
  }
  Texts texts(FakeClient& client) {
    EXPECT_TRUE(world.settle());
    return client.host.take_texts();
  }
  std::string say(FakeClient& client, std::string_view command) {
    client.say(command);
    const Texts all = texts(client);
    EXPECT_EQ(all.size(), 1U) << command;
    return all.empty() ? "" : all.back();
  }
  json answer(std::string_view command) { return json::parse(say(service, command)); }
  // "code: message" of the error that this brings.
  std::string error(FakeClient& client, std::string_view command) {
    const json reply = json::parse(say(client, command));
    if (reply.at("op") != "error") return reply.dump();
    return reply.at("code").get<std::string>() + ": " + reply.at("message").get<std::string>();
  }
  // "name=subscribers", in the order of the names.
  static Texts listed(const json& reply) {
    Texts all;
    for (const json& entry : reply.at("channels")) {
      all.push_back(entry.at("channel").get<std::string>() + "=" + std::to_string(entry.at("subscribers").get<int>()));
    }
    std::sort(all.begin(), all.end());
    return all;
  }
  static bool ended(FakeClient& client) {
    const Verdict* const verdict = client.session().verdict();
    return verdict != nullptr && verdict->code == CloseCode::disconnected;
  }
  void on_outcome(PostOutcome outcome) override { outcomes.push_back(std::move(outcome)); }

  config::Config config;
  FakeWorld world{{.shards = 3, .config = &config}};
  std::array<FakeLoop, 3> loops{FakeLoop{world, 0}, FakeLoop{world, 1}, FakeLoop{world, 2}};
  std::uint64_t last_name = 100;
  std::deque<FakeClient> clients;
  FakeClient& service = clients.emplace_back(loops[0], 1);
  std::vector<PostOutcome> outcomes;
};

// --- who may

TEST_F(ClientManageTest, Refuses_everybody_but_services_with_manage) {
  FakeClient& anonymous = enter(0, "");
  FakeClient& ann = enter(1, "ann");
  FakeClient& other = clients.emplace_back(loops[2], ++last_name);
  other.start({}, principal(service_of({}, /*manage=*/false)));
  static_cast<void>(texts(other));
  for (const std::string command :
       {R"({"op":"channels"})", R"({"op":"disconnect","user":"ann"})", R"({"op":"kick","user":"ann","channel":"a"})"}) {
    EXPECT_TRUE(error(anonymous, command).starts_with("unauthorized: for services only")) << command;
    EXPECT_TRUE(error(ann, command).starts_with("forbidden: for services only")) << command;
    EXPECT_TRUE(error(other, command).starts_with("forbidden: for services only")) << command;
  }
  EXPECT_EQ(json::parse(say(ann, R"({"op":"kick","user":"ann","channel":"a","id":5})"))["channel"], "a");
  EXPECT_FALSE(ended(ann));
}

TEST_F(ClientManageTest, Names_the_fault_of_each_command) {
  const auto refusal = [&](std::string_view command) { return error(service, command); };
  EXPECT_TRUE(refusal(R"({"op":"disconnect"})").starts_with("bad_request: user"));
  EXPECT_TRUE(refusal(R"({"op":"disconnect","user":""})").starts_with("bad_request: user"));
  EXPECT_TRUE(
      refusal(R"({"op":"disconnect","user":"a","session":"b"})").starts_with("bad_request: session: cannot go"));
  EXPECT_EQ(refusal(R"({"op":"disconnect","session":"b"})"),
            "bad_request: session: must be 32 hexadecimal digits, as `welcome` has it");
  EXPECT_TRUE(refusal(R"({"op":"kick","user":"a"})").starts_with("bad_request: channel"));
  EXPECT_TRUE(refusal(R"({"op":"kick","user":"a","channel":"b..c"})").starts_with("bad_request: channel"));
  EXPECT_TRUE(refusal(R"({"op":"kick","channel":"a"})").starts_with("bad_request: user"));
  EXPECT_TRUE(refusal(R"({"op":"channels","limit":0})").starts_with("bad_request: limit"));
  EXPECT_TRUE(refusal(R"({"op":"channels","pattern":"a.>.b"})").starts_with("bad_request: pattern"));
  EXPECT_TRUE(refusal(R"({"op":"channels","cursor":"abc"})").starts_with("bad_request: cursor: not one"));
}

// --- disconnect

TEST_F(ClientManageTest, Disconnects_a_user_wherever_it_is_and_says_how_many_connections_that_were) {
  FakeClient& here = enter(0, "ann");
  FakeClient& there = enter(2, "ann");
  FakeClient& bob = enter(1, "bob");
  FakeClient& anonymous = enter(1, "");
  EXPECT_EQ(say(service, R"({"op":"disconnect","user":"ann","id":1})"), R"({"op":"disconnected","id":1,"count":2})");
  EXPECT_TRUE(ended(here));
  EXPECT_TRUE(ended(there));
  EXPECT_TRUE(here.host.flush_wanted) << "nobody would close it";
  EXPECT_FALSE(ended(bob));
  EXPECT_FALSE(ended(anonymous));
  EXPECT_EQ(say(service, R"({"op":"disconnect","user":"ann"})"), R"({"op":"disconnected","count":0})")
      << "what ends already was counted again";
  EXPECT_EQ(say(service, R"({"op":"disconnect","user":"orders"})"), R"({"op":"disconnected","count":0})")
      << "a service was taken for a user of its name";
}

TEST_F(ClientManageTest, Disconnects_one_session_whoever_it_is) {
  FakeClient& anonymous = enter(2, "");
  EXPECT_EQ(say(service, R"({"op":"disconnect","session":")" + anonymous.id() + R"("})"),
            R"({"op":"disconnected","count":1})");
  EXPECT_TRUE(ended(anonymous));
  EXPECT_EQ(say(service, R"({"op":"disconnect","session":"0123456789abcdef0123456789abcdef"})"),
            R"({"op":"disconnected","count":0})");
  service.say(R"({"op":"disconnect","session":")" + service.id() + R"("})");
  static_cast<void>(texts(service));
  EXPECT_TRUE(ended(service)) << "itself";
}

TEST_F(ClientManageTest, Runs_nothing_of_a_session_after_its_end) {
  FakeClient& ann = enter(0, "ann");
  static_cast<void>(say(service, R"({"op":"disconnect","user":"ann"})"));
  ann.say(R"([{"op":"subscribe","channel":"a"},{"op":"publish","channel":"a","data":1}])");
  EXPECT_EQ(texts(ann), Texts{});
  EXPECT_EQ(world.subscriptions(), 0);
}

// --- kick

TEST_F(ClientManageTest, Kicks_a_user_out_of_a_channel_and_tells_it) {
  FakeClient& here = enter(0, "ann", {"a", "b"});
  FakeClient& there = enter(2, "ann", {"a"});
  FakeClient& bob = enter(2, "bob", {"a"});
  EXPECT_EQ(say(service, R"({"op":"kick","user":"ann","channel":"a","id":"k"})"),
            R"({"op":"kicked","id":"k","count":2})");
  const std::string told =
      R"({"op":"unsubscribed","channel":"a","code":"forbidden","reason":"a service has ended this subscription"})";
  EXPECT_EQ(texts(here), Texts{told});
  EXPECT_EQ(texts(there), Texts{told});
  EXPECT_EQ(texts(bob), Texts{});
  EXPECT_EQ(world.subscriptions(), 2);
  // It is no ban.
  EXPECT_EQ(json::parse(say(here, R"({"op":"subscribe","channel":"a"})"))["op"], "subscribed");
}

TEST_F(ClientManageTest, Ends_the_delivery_with_the_subscription) {
  FakeClient& ann = enter(1, "ann", {"a"});
  static_cast<void>(say(service, R"({"op":"kick","user":"ann","channel":"a"})"));
  static_cast<void>(say(service, R"({"op":"publish","channel":"a","data":1,"id":1})"));
  const Texts all = texts(ann);
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(json::parse(all[0])["op"], "unsubscribed");
}

TEST_F(ClientManageTest, Kicks_from_a_pattern_by_its_text_alone) {
  FakeClient& ann = enter(1, "ann", {"room.1"});
  config.namespaces["default"].pattern_access = config::Access::subscribers;
  EXPECT_EQ(json::parse(say(ann, R"({"op":"subscribe","channel":"room.*"})"))["op"], "subscribed");
  EXPECT_EQ(answer(R"({"op":"kick","user":"ann","channel":"room.>"})")["count"], 0);
  EXPECT_EQ(answer(R"({"op":"kick","user":"ann","channel":"room.*"})")["count"], 1);
  EXPECT_EQ(json::parse(texts(ann).at(0))["channel"], "room.*");
  EXPECT_EQ(world.subscriptions(), 1);
}

TEST_F(ClientManageTest, Answers_a_subscribe_that_was_pending_with_the_error) {
  // On the service's own shard, so that the directive is there before the homes have answered.
  FakeClient& ann = enter(0, "ann");
  const std::string far = world.channel_at(2);
  ann.say(R"({"op":"subscribe","channel":")" + far + R"(","id":7})");
  EXPECT_EQ(json::parse(say(service, R"({"op":"kick","user":"ann","channel":")" + far + R"("})"))["count"], 1);
  const Texts all = texts(ann);
  ASSERT_EQ(all.size(), 1U);
  const json reply = json::parse(all[0]);
  EXPECT_EQ(reply["op"], "error");
  EXPECT_EQ(reply["id"], 7);
  EXPECT_EQ(reply["code"], "forbidden");
  EXPECT_EQ(world.subscriptions(), 0);
  EXPECT_EQ(world.channels(), 0);
}

TEST_F(ClientManageTest, Kicks_what_still_catches_up) {
  for (int i = 0; i < 50; ++i) {
    static_cast<void>(
        say(service, R"({"op":"publish","channel":"a","id":1,"data":")" + std::string(2000, 'x') + "\"}"));
  }
  config.limits.outbox_bytes_max = 4000;
  FakeClient& ann = enter(1, "ann");
  ann.say(R"({"op":"subscribe","channel":"a","last":50})");
  ASSERT_TRUE(world.settle());
  EXPECT_TRUE(ann.flush(3000));
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(answer(R"({"op":"kick","user":"ann","channel":"a"})")["count"], 1);
  Texts all;
  for (int i = 0; i < 10; ++i) {
    EXPECT_TRUE(ann.flush());
    for (std::string& text : texts(ann)) all.push_back(std::move(text));
  }
  ASSERT_GE(all.size(), 2U);
  EXPECT_LT(all.size(), 50U) << "the replay went on";
  EXPECT_EQ(json::parse(all.back())["op"], "unsubscribed");
  EXPECT_EQ(world.subscriptions(), 0);
}

// --- channels

TEST_F(ClientManageTest, Lists_channels_with_their_subscribers) {
  enter(0, "ann", {"a", "chat:b"});
  enter(1, "bob", {"a"});
  EXPECT_EQ(listed(answer(R"({"op":"channels"})")), (Texts{"a=2", "chat:b=1"}));
  EXPECT_EQ(listed(answer(R"({"op":"channels","pattern":"chat:*"})")), (Texts{"chat:b=1"}));
  EXPECT_EQ(listed(answer(R"({"op":"channels","pattern":"a"})")), (Texts{"a=2"}));
  EXPECT_EQ(say(service, R"({"op":"channels","pattern":"b","id":1})"),
            R"({"op":"channels","id":1,"channels":[],"more":false})");
}

TEST_F(ClientManageTest, Leaves_out_what_the_key_may_not_subscribe_to) {
  FakeClient& other = clients.emplace_back(loops[2], ++last_name);
  other.start({}, principal(service_of({"secret:>"})));
  other.say(R"([{"op":"subscribe","channel":"secret:mine.a"},{"op":"subscribe","channel":"secret:b"}])");
  other.say(R"([{"op":"publish","channel":"deaf:c","data":1},{"op":"subscribe","channel":"d"}])");
  static_cast<void>(texts(other));
  EXPECT_EQ(listed(answer(R"({"op":"channels"})")), (Texts{"d=1", "secret:mine.a=1"}));
}

TEST_F(ClientManageTest, Goes_on_at_a_cursor) {
  Texts expected;
  for (int i = 0; i < 100; ++i) {
    enter(static_cast<std::size_t>(i % 3), "ann", {"n." + std::to_string(i)});
    expected.push_back("n." + std::to_string(i) + "=1");
  }
  std::sort(expected.begin(), expected.end());
  Texts all;
  std::string cursor;
  for (int page = 0; page < 20; ++page) {
    const json reply = answer(R"({"op":"channels","limit":11)" + cursor + "}");
    for (const std::string& one : listed(reply)) all.push_back(one);
    if (!reply["more"]) break;
    EXPECT_LE(reply["channels"].size(), 11U);
    cursor = R"(,"cursor":")" + reply["cursor"].get<std::string>() + "\"";
  }
  std::sort(all.begin(), all.end());
  EXPECT_EQ(all, expected);
}

TEST_F(ClientManageTest, Keeps_a_reply_within_its_limit) {
  for (int i = 0; i < 1200; ++i) {
    service.say(R"({"op":"publish","id":1,"data":1,"channel":")" + std::string(245, 'y') + "." + std::to_string(i) +
                "\"}");
    static_cast<void>(texts(service));
  }
  const std::string reply = say(service, R"({"op":"channels","id":"0123456789012345678901234567890123456789"})");
  EXPECT_LE(reply.size(), hub::list_bytes_max);
  EXPECT_GT(reply.size(), hub::list_bytes_max / 2);
  EXPECT_TRUE(json::parse(reply)["more"]);
}

// --- credit, and HTTP

TEST_F(ClientManageTest, Pauses_a_client_that_asks_for_more_than_it_may_have_on_its_way) {
  config.limits.inflight_bytes_max = 3 * hub::list_bytes_max;
  std::string many = "[";
  for (int i = 0; i < 40; ++i) many.append(i > 0 ? "," : "").append(R"({"op":"channels"})");
  service.say(many + "]");
  EXPECT_TRUE(service.host.paused);
  EXPECT_EQ(texts(service).size(), 40U);
  EXPECT_FALSE(service.host.paused);
  config.limits.inflight_bytes_max = 20 * hub::request_bytes;
  many = "[";
  for (int i = 0; i < 40; ++i) many.append(i > 0 ? "," : "").append(R"({"op":"disconnect","user":"x"})");
  service.say(many + "]");
  EXPECT_TRUE(service.host.paused);
  EXPECT_EQ(texts(service).size(), 40U);
  EXPECT_FALSE(service.host.paused);
}

TEST_F(ClientManageTest, Answers_posts_in_the_order_of_their_commands) {
  FakeClient& ann = enter(2, "ann", {"a"});
  FakeHost host;
  HttpSession http(loops[1].environment, host, {7, 7}, *this);
  EXPECT_TRUE(http.post(R"([{"op":"kick","user":"ann","channel":"a","id":1},{"op":"channels","id":2},)"
                        R"({"op":"disconnect","user":"ann","id":3},{"op":"ping","id":4}])",
                        principal(service_of({}))));
  ASSERT_TRUE(world.settle());
  ASSERT_EQ(outcomes.size(), 1U);
  EXPECT_EQ(outcomes[0].status, 200);
  EXPECT_EQ(outcomes[0].body,
            R"([{"op":"kicked","id":1,"count":1},{"op":"channels","id":2,"channels":[],"more":false},)"
            R"({"op":"disconnected","id":3,"count":1},{"op":"pong","id":4}])");
  EXPECT_TRUE(ended(ann));
}

TEST_F(ClientManageTest, Does_not_disconnect_a_connection_that_only_posts_for_users) {
  FakeHost host;
  HttpSession http(loops[1].environment, host, {7, 7}, *this);
  EXPECT_TRUE(http.post(R"({"op":"ping"})", principal(user("ann"))));
  EXPECT_EQ(answer(R"({"op":"disconnect","user":"ann"})")["count"], 0);
}

TEST_F(ClientManageTest, Refuses_a_list_while_those_that_wait_hold_too_much) {
  for (int i = 0; i < 600; ++i) enter(0, "ann", {std::string(240, 'z') + "." + std::to_string(i)});
  config.limits.outbox_bytes_max = 100'000;
  FakeHost host;
  HttpSession http(loops[1].environment, host, {7, 7}, *this);
  config.limits.inflight_bytes_max = 1;  // one after the other
  EXPECT_TRUE(http.post(R"([{"op":"channels"},{"op":"channels"},{"op":"channels"}])", principal(service_of({}))));
  ASSERT_TRUE(world.settle());
  ASSERT_EQ(outcomes.size(), 1U);
  EXPECT_EQ(outcomes[0].status, 207);
  const json replies = json::parse(outcomes[0].body);
  EXPECT_EQ(replies[2]["code"], "limit_exceeded") << outcomes[0].body.substr(0, 300);
}

}  // namespace
}  // namespace crier::session
