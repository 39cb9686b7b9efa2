// Who a client is, what that allows, and what ends when it changes.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/support/fake_authenticator.hpp"
#include "tests/support/fake_host.hpp"

namespace crier::session {
namespace {

using nlohmann::json;
using testing::FakeAuthenticator;
using testing::FakeClient;
using testing::FakeLoop;
using testing::FakeWorld;
using testing::user;
using websocket::CloseCode;

class ClientAuthTest : public ::testing::Test {
 protected:
  ClientAuthTest() {
    config.auth.jwt.secret = "configured";
    config.namespaces["default"].publish = config::Who::granted;
    config.namespaces["default"].pattern_access = config::Access::granted;
    config.namespaces["room"] = config.namespaces["default"];
    config.namespaces["room"].subscribe = config::Who::granted;
    loop.environment.authenticator = authenticator;
    loop.environment.wall_s = 1'000'000;
    loop.environment.steady_ms = 5'000;
    authenticator->know("ann", user("ann", {"room:a.>"}, {"room:a.*"}));
    auth::Principal service = user("orders", {"room:>"}, {"room:>"});
    service.kind = auth::Principal::Kind::service;
    service.key_id = 1;
    authenticator->know("key", service);
  }

  std::vector<json> replies(FakeClient& client) {
    EXPECT_TRUE(world.settle());
    std::vector<json> out;
    for (const std::string& text : client.host.take_texts()) out.push_back(json::parse(text));
    return out;
  }
  json reply(FakeClient& client, std::string_view command) {
    client.say(command);
    const std::vector<json> all = replies(client);
    EXPECT_FALSE(all.empty()) << command;
    return all.empty() ? json{} : all.front();
  }
  void let_pass(FakeClient& client, std::int64_t ms) {
    loop.environment.steady_ms += ms;
    loop.environment.wall_s += ms / 1000;
    client.session().on_time();
  }
  PrincipalPtr principal(std::string_view credential) {
    return *authenticator->authenticate(credential, auth::CredentialPlace::header, loop.environment.wall_s);
  }

  config::Config config;
  FakeWorld world{{.shards = 2, .config = &config}};
  FakeLoop loop{world, 0};
  std::shared_ptr<FakeAuthenticator> authenticator = std::make_shared<FakeAuthenticator>();
};

TEST_F(ClientAuthTest, Welcomes_a_user_by_name_and_says_when_its_token_ends) {
  auth::Principal bea = user("bea");
  bea.expires_s = 1'000'060;
  authenticator->know("bea", bea);
  FakeClient client(loop, 1);
  client.start({}, principal("bea"));
  const json welcome = replies(client).front();
  EXPECT_EQ(welcome["user"], "bea");
  EXPECT_EQ(welcome["expires_in"], 60);
}

TEST_F(ClientAuthTest, Answers_auth_with_the_user_and_lets_it_do_what_the_token_grants) {
  FakeClient client(loop, 1);
  EXPECT_EQ(reply(client, R"({"op":"subscribe","channel":"room:a.1"})")["code"], "unauthorized");
  const json authenticated = reply(client, R"({"op":"auth","token":"ann","id":7})");
  EXPECT_EQ(authenticated["op"], "authenticated");
  EXPECT_EQ(authenticated["user"], "ann");
  EXPECT_EQ(authenticated["id"], 7);
  EXPECT_EQ(reply(client, R"({"op":"subscribe","channel":"room:a.1"})")["op"], "subscribed");
  EXPECT_EQ(reply(client, R"({"op":"subscribe","channel":"room:b.1"})")["code"], "forbidden");
  EXPECT_EQ(reply(client, R"({"op":"publish","channel":"room:a.2","data":1,"id":1})")["op"], "published");
  EXPECT_EQ(reply(client, R"({"op":"publish","channel":"room:a.2.3","data":1,"id":1})")["code"], "forbidden");
}

TEST_F(ClientAuthTest, Names_the_rule_that_refused_and_what_would_help) {
  FakeClient client(loop, 1);
  const std::string anonymous = reply(client, R"({"op":"publish","channel":"room:a.1","data":1})")["message"];
  EXPECT_NE(anonymous.find(R"(publish = "granted")"), std::string::npos) << anonymous;
  EXPECT_NE(anonymous.find("a token or key"), std::string::npos) << anonymous;
  client.say(R"({"op":"auth","token":"ann"})");
  static_cast<void>(replies(client));
  const std::string known = reply(client, R"({"op":"publish","channel":"room:b","data":1})")["message"];
  EXPECT_NE(known.find("can.publish does not cover it"), std::string::npos) << known;
}

TEST_F(ClientAuthTest, Refuses_a_bad_token_and_leaves_everything_as_it_was) {
  FakeClient client(loop, 1);
  EXPECT_EQ(reply(client, R"({"op":"auth","token":"ann"})")["op"], "authenticated");
  EXPECT_EQ(reply(client, R"({"op":"subscribe","channel":"room:a.1"})")["op"], "subscribed");
  const json refused = reply(client, R"({"op":"auth","token":"bad","id":3})");
  EXPECT_EQ(refused["code"], "unauthorized");
  EXPECT_EQ(refused["id"], 3);
  EXPECT_EQ(world.subscriptions(), 1);
  EXPECT_EQ(client.session().verdict(), nullptr);
}

TEST_F(ClientAuthTest, Refuses_to_become_somebody_else) {
  authenticator->know("bea", user("bea"));
  FakeClient client(loop, 1);
  EXPECT_EQ(reply(client, R"({"op":"auth","token":"ann"})")["op"], "authenticated");
  EXPECT_EQ(reply(client, R"({"op":"auth","token":"bea"})")["code"], "forbidden");
  EXPECT_EQ(reply(client, R"({"op":"auth","token":"key"})")["code"], "forbidden");
}

TEST_F(ClientAuthTest, Ends_the_subscriptions_that_a_refreshed_token_no_longer_grants) {
  authenticator->know("less", user("ann", {"room:a.1"}));
  FakeClient client(loop, 1);
  client.say(R"([{"op":"auth","token":"ann"},{"op":"subscribe","channel":"room:a.1"},
                 {"op":"subscribe","channel":"room:a.2"}])");
  static_cast<void>(replies(client));
  client.say(R"({"op":"auth","token":"less"})");
  const std::vector<json> told = replies(client);
  ASSERT_EQ(told.size(), 2U);
  EXPECT_EQ(told[0]["op"], "authenticated");
  EXPECT_EQ(told[1]["op"], "unsubscribed");
  EXPECT_EQ(told[1]["channel"], "room:a.2");
  EXPECT_EQ(told[1]["code"], "forbidden");
  EXPECT_EQ(world.subscriptions(), 1);
}

TEST_F(ClientAuthTest, Answers_a_pending_subscribe_with_the_error_when_its_right_goes_meanwhile) {
  authenticator->know("less", user("ann"));
  FakeClient client(loop, 1);
  client.say(R"({"op":"auth","token":"ann"})");
  static_cast<void>(replies(client));
  client.say(R"([{"op":"subscribe","channel":"room:a.1","id":5},{"op":"auth","token":"less"}])");
  const std::vector<json> told = replies(client);
  ASSERT_EQ(told.size(), 2U);
  EXPECT_EQ(told[1]["op"], "error");
  EXPECT_EQ(told[1]["id"], 5);
  EXPECT_EQ(told[1]["code"], "forbidden");
  EXPECT_EQ(world.subscriptions(), 0);
}

TEST_F(ClientAuthTest, Subscribes_to_the_channels_of_the_token_once) {
  auth::Principal carl = user("carl", {"room:c"});
  carl.channels = {"room:c", "news"};
  authenticator->know("carl", carl);
  FakeClient client(loop, 1);
  client.start({"news"}, principal("carl"));
  EXPECT_EQ(replies(client).size(), 3U);  // welcome and two subscribed
  EXPECT_EQ(world.subscriptions(), 2);
  client.say(R"({"op":"auth","token":"carl"})");
  EXPECT_EQ(replies(client).size(), 1U);
}

TEST_F(ClientAuthTest, Matches_patterns_by_containment) {
  FakeClient client(loop, 1);
  client.say(R"({"op":"auth","token":"ann"})");
  static_cast<void>(replies(client));
  EXPECT_EQ(reply(client, R"({"op":"subscribe","channel":"room:a.*.x"})")["op"], "subscribed");
  EXPECT_EQ(reply(client, R"({"op":"subscribe","channel":"room:>"})")["code"], "forbidden");
  EXPECT_EQ(reply(client, R"({"op":"subscribe","channel":"news.>"})")["code"], "forbidden");
}

TEST_F(ClientAuthTest, Gives_a_connection_without_a_token_auth_timeout_and_nothing_but_auth_and_ping) {
  config.auth.anonymous = false;
  FakeClient client(loop, 1);
  client.start({});
  EXPECT_EQ(replies(client).front()["op"], "welcome");
  EXPECT_EQ(reply(client, R"({"op":"ping"})")["op"], "pong");
  for (const char* const command : {R"({"op":"subscribe","channel":"a"})", R"({"op":"publish","channel":"a","data":1})",
                                    R"({"op":"history","channel":"a"})", R"({"op":"presence","channel":"a"})",
                                    R"({"op":"unsubscribe","channel":"a"})", R"({"op":"channels"})"}) {
    EXPECT_EQ(reply(client, command)["code"], "unauthorized") << command;
  }
  let_pass(client, 9'999);
  EXPECT_EQ(client.session().verdict(), nullptr);
  let_pass(client, 1);
  ASSERT_NE(client.session().verdict(), nullptr);
  EXPECT_EQ(client.session().verdict()->code, CloseCode::unauthorized);
}

TEST_F(ClientAuthTest, Waits_no_longer_once_a_token_came) {
  config.auth.anonymous = false;
  FakeClient client(loop, 1);
  client.start({});
  EXPECT_EQ(world.metrics(0).anonymous_waiting.value(), 1);
  client.say(R"({"op":"auth","token":"bad"})");  // is no end, but no start either
  client.say(R"({"op":"auth","token":"ann"})");
  EXPECT_EQ(world.metrics(0).anonymous_waiting.value(), 0);
  EXPECT_FALSE(client.session().deadline_ms());
  let_pass(client, 60'000);
  EXPECT_EQ(client.session().verdict(), nullptr);
}

TEST_F(ClientAuthTest, Keeps_an_expired_session_for_the_grace_and_ends_it_then) {
  auth::Principal dora = user("dora", {"room:d"}, {"room:d"});
  dora.expires_s = 1'000'010;
  authenticator->know("dora", dora);
  FakeClient client(loop, 1);
  client.start({"room:d"}, principal("dora"));
  static_cast<void>(replies(client));
  let_pass(client, 10'000);
  EXPECT_EQ(client.session().verdict(), nullptr);
  EXPECT_EQ(reply(client, R"({"op":"publish","channel":"room:d","data":1})")["code"], "token_expired");
  EXPECT_EQ(world.subscriptions(), 1);  // goes on meanwhile
  let_pass(client, 10'000);
  ASSERT_NE(client.session().verdict(), nullptr);
  EXPECT_EQ(client.session().verdict()->code, CloseCode::token_expired);
  client.say(R"({"op":"ping"})");  // runs no more
  EXPECT_TRUE(replies(client).empty());
}

TEST_F(ClientAuthTest, Goes_on_when_the_token_is_refreshed_within_the_grace) {
  auth::Principal dora = user("dora", {"room:d"});
  dora.expires_s = 1'000'010;
  authenticator->know("dora", dora);
  FakeClient client(loop, 1);
  client.start({"room:d"}, principal("dora"));
  let_pass(client, 15'000);
  dora.expires_s = 1'000'100;
  authenticator->know("fresh", dora);
  static_cast<void>(replies(client));
  EXPECT_EQ(reply(client, R"({"op":"auth","token":"fresh"})")["expires_in"], 85);
  let_pass(client, 80'000);
  EXPECT_EQ(client.session().verdict(), nullptr);
  EXPECT_EQ(world.subscriptions(), 1);
}

TEST_F(ClientAuthTest, Shows_users_with_their_info_in_presence) {
  auth::Principal ann = user("ann", {"room:a"});
  ann.info_json = R"({"name":"Ann"})";
  ann.grants[static_cast<std::size_t>(auth::Right::presence)] = testing::grants_of({"room:a"});
  authenticator->know("full", ann);
  FakeClient client(loop, 1);
  client.start({"room:a"}, principal("full"));
  static_cast<void>(replies(client));
  const json members = reply(client, R"({"op":"presence","channel":"room:a"})")["members"];
  ASSERT_EQ(members.size(), 1U);
  EXPECT_EQ(members[0]["user"], "ann");
  EXPECT_EQ(members[0]["info"]["name"], "Ann");
}

TEST_F(ClientAuthTest, Keeps_the_publish_keys_of_users_apart) {
  authenticator->know("bea", user("bea", {}, {"room:a.*"}));
  FakeClient one(loop, 1);
  FakeClient other(loop, 2);
  one.say(R"({"op":"auth","token":"ann"})");
  other.say(R"({"op":"auth","token":"bea"})");
  static_cast<void>(replies(one));
  static_cast<void>(replies(other));
  const std::string publish = R"({"op":"publish","channel":"room:a.1","data":1,"key":"k","id":1})";
  const json first = reply(one, publish);
  EXPECT_EQ(reply(one, publish)["position"], first["position"]);
  EXPECT_NE(reply(other, publish)["position"], first["position"]);
}

TEST_F(ClientAuthTest, Verifies_so_many_tokens_at_once_and_no_more) {
  FakeClient client(loop, 1);
  std::string flood = "[";
  for (int i = 0; i < 100; ++i) flood += (i == 0 ? "" : ",") + std::string(R"({"op":"auth","token":"bad"})");
  client.say(flood + "]");
  std::size_t verified = 0;
  for (const json& told : replies(client)) verified += told["code"] == "unauthorized" ? 1 : 0;
  EXPECT_EQ(verified, 8U);
  EXPECT_EQ(reply(client, R"({"op":"auth","token":"ann"})")["code"], "rate_limited");
  let_pass(client, 1'000);
  EXPECT_EQ(reply(client, R"({"op":"auth","token":"ann"})")["op"], "authenticated");
}

// --- reloads

TEST_F(ClientAuthTest, Wants_a_fresh_token_of_who_came_by_a_key_that_is_withdrawn) {
  auth::Principal old = user("ann", {"room:a"});
  old.key_id = 77;
  authenticator->know("old", old);
  FakeClient client(loop, 1);
  client.start({"room:a"}, principal("old"));
  static_cast<void>(replies(client));
  client.session().on_reload();
  EXPECT_EQ(reply(client, R"({"op":"ping"})")["op"], "pong");
  authenticator->forget("old");
  client.session().on_reload();
  EXPECT_EQ(reply(client, R"({"op":"subscribe","channel":"room:a"})")["code"], "token_expired");
  EXPECT_EQ(world.subscriptions(), 1);
  let_pass(client, 10'000);
  ASSERT_NE(client.session().verdict(), nullptr);
  EXPECT_EQ(client.session().verdict()->code, CloseCode::token_expired);
}

TEST_F(ClientAuthTest, Ends_a_service_whose_key_was_withdrawn_or_replaced) {
  for (const bool replaced : {false, true}) {
    FakeClient client(loop, 1);
    client.start({}, principal("key"));
    if (replaced) {
      auth::Principal other = *principal("key");
      other.key_id = 2;
      authenticator->know("key", other);
    } else {
      FakeAuthenticator empty = *authenticator;
      empty.forget("key");
      loop.environment.authenticator = std::make_shared<FakeAuthenticator>(empty);
    }
    client.session().on_reload();
    ASSERT_NE(client.session().verdict(), nullptr);
    EXPECT_EQ(client.session().verdict()->code, CloseCode::unauthorized);
    loop.environment.authenticator = authenticator;
  }
}

TEST_F(ClientAuthTest, Takes_a_services_right_away_at_a_reload) {
  FakeClient client(loop, 1);
  client.start({"room:a", "room:b"}, principal("key"));
  static_cast<void>(replies(client));
  auth::Principal less = *principal("key");
  less.grants[static_cast<std::size_t>(auth::Right::subscribe)] = testing::grants_of({"room:a"});
  authenticator->know("key", less);
  client.session().on_reload();
  const std::vector<json> told = replies(client);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0]["op"], "unsubscribed");
  EXPECT_EQ(told[0]["channel"], "room:b");
}

TEST_F(ClientAuthTest, Ends_subscriptions_that_a_reloaded_namespace_no_longer_allows) {
  FakeClient client(loop, 1);
  client.start({"news"});
  static_cast<void>(replies(client));
  config.namespaces["default"].subscribe = config::Who::nobody;
  client.session().on_reload();
  const std::vector<json> told = replies(client);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0]["op"], "unsubscribed");
  EXPECT_EQ(told[0]["code"], "forbidden");
}

TEST_F(ClientAuthTest, Asks_anonymous_clients_for_a_token_when_a_reload_wants_one) {
  FakeClient client(loop, 1);
  client.start({"news"});
  static_cast<void>(replies(client));
  config.auth.anonymous = false;
  client.session().on_reload();
  EXPECT_EQ(replies(client).front()["op"], "unsubscribed");
  EXPECT_EQ(world.subscriptions(), 0);
  config.auth.anonymous = true;  // and lets them be when it does no more
  client.session().on_reload();
  EXPECT_EQ(reply(client, R"({"op":"subscribe","channel":"news"})")["op"], "subscribed");
  EXPECT_EQ(world.metrics(0).anonymous_waiting.value(), 0);
}

}  // namespace
}  // namespace crier::session
