#include "broker/auth/permissions.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "tests/support/fake_authenticator.hpp"

namespace crier::auth {
namespace {

using config::Access;
using config::Who;
using testing::grants_of;

Principal holder(Right right, const std::string& item) {
  Principal principal;
  principal.name = "ann";
  principal.grants[static_cast<std::size_t>(right)] = grants_of({item});
  return principal;
}

// "ok", or the error's code.
std::string answer(Action action, std::string_view channel, const config::Namespace& settings, const Principal* who) {
  const auto why = refuse(action, channel, settings, who);
  return why ? std::string(to_string(why->code)) : "ok";
}

TEST(Permissions, Subscribe_and_publish_follow_the_words_of_the_namespace) {
  struct Case {
    Who rule;
    const char* anonymous;
    const char* known;
    const char* holder;
  };
  const Principal known;
  for (const auto& [rule, anonymous, known_gets, holder_gets] : {
           Case{Who::anyone, "ok", "ok", "ok"},
           Case{Who::authenticated, "unauthorized", "ok", "ok"},
           Case{Who::granted, "unauthorized", "forbidden", "ok"},
           Case{Who::nobody, "forbidden", "forbidden", "forbidden"},
       }) {
    config::Namespace settings;
    settings.subscribe = settings.publish = rule;
    for (const auto& [action, right] :
         {std::pair{Action::subscribe, Right::subscribe}, std::pair{Action::publish, Right::publish}}) {
      const Principal with_grant = holder(right, "a.>");
      EXPECT_EQ(answer(action, "a.b", settings, nullptr), anonymous);
      EXPECT_EQ(answer(action, "a.b", settings, &known), known_gets);
      EXPECT_EQ(answer(action, "a.b", settings, &with_grant), holder_gets);
      if (rule == Who::granted) {
        EXPECT_EQ(answer(action, "b", settings, &with_grant), "forbidden");
      }
    }
  }
}

TEST(Permissions, A_grant_for_one_right_is_none_for_another) {
  config::Namespace settings;
  settings.subscribe = settings.publish = Who::granted;
  const Principal reader = holder(Right::subscribe, "a");
  EXPECT_EQ(answer(Action::publish, "a", settings, &reader), "forbidden");
}

TEST(Permissions, A_pattern_needs_its_own_right_that_contains_it) {
  config::Namespace settings;
  settings.pattern_access = Access::granted;
  const Principal exact = holder(Right::subscribe, "a.b");
  const Principal wide = holder(Right::subscribe, "a.>");
  EXPECT_EQ(answer(Action::subscribe, "a.*", settings, nullptr), "unauthorized");
  EXPECT_EQ(answer(Action::subscribe, "a.*", settings, &exact), "forbidden");
  EXPECT_EQ(answer(Action::subscribe, "a.*", settings, &wide), "ok");
  EXPECT_EQ(answer(Action::subscribe, ">", settings, &wide), "forbidden");
  settings.pattern_access = Access::subscribers;
  EXPECT_EQ(answer(Action::subscribe, ">", settings, nullptr), "ok");
  settings.pattern_access = Access::nobody;
  EXPECT_EQ(answer(Action::subscribe, "a.*", settings, &wide), "forbidden");
  EXPECT_EQ(answer(Action::subscribe, "a.b", settings, &wide), "ok");
}

TEST(Permissions, History_and_presence_are_for_subscribers_or_for_who_was_granted_them) {
  for (const auto& [action, right] :
       {std::pair{Action::history, Right::history}, std::pair{Action::presence, Right::presence}}) {
    config::Namespace settings;
    settings.subscribe = Who::granted;
    const Principal subscriber = holder(Right::subscribe, "a");
    const Principal reader = holder(right, "a");
    EXPECT_EQ(answer(action, "a", settings, nullptr), "unauthorized");
    EXPECT_EQ(answer(action, "a", settings, &subscriber), "ok");
    EXPECT_EQ(answer(action, "a", settings, &reader), "ok");
    settings.history_access = settings.presence_access = Access::granted;
    EXPECT_EQ(answer(action, "a", settings, &subscriber), "forbidden");
    EXPECT_EQ(answer(action, "a", settings, &reader), "ok");
    settings.history_access = settings.presence_access = Access::nobody;
    EXPECT_EQ(answer(action, "a", settings, &reader), "forbidden");
  }
}

TEST(Permissions, A_refusal_names_the_rule_and_what_would_help) {
  config::Namespace settings;
  settings.publish = Who::granted;
  Principal service = holder(Right::subscribe, "a");
  service.kind = Principal::Kind::service;
  const auto sentence = [&](const Principal* who) { return refuse(Action::publish, "a", settings, who)->detail; };
  const std::string rule = R"(publish = "granted" in the settings of this channel's namespace; )";
  EXPECT_EQ(sentence(nullptr), rule + "a token or key that grants it is needed");
  const Principal user = holder(Right::subscribe, "a");
  EXPECT_EQ(sentence(&user), rule + "this token's can.publish does not cover it");
  EXPECT_EQ(sentence(&service), rule + "this service key's `publish` does not cover it");
}

}  // namespace
}  // namespace crier::auth
