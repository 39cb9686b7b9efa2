#include "broker/auth/claims.hpp"

#include <gtest/gtest.h>

#include <string>

namespace crier::auth {
namespace {

constexpr std::int64_t now_s = 1'000'000;
using std::chrono::milliseconds;
using Kind = Principal::Kind;

ClaimRules any_time() {
  ClaimRules rules;
  rules.expiry_required = false;
  return rules;
}

std::string reason(const std::string& json, const ClaimRules& rules = any_time(), std::int64_t wall_s = now_s) {
  const auto who = read_claims(json, rules, wall_s);
  if (who) return "";
  EXPECT_EQ(who.error().code, who.error().reason == "expired" ? ErrorCode::token_expired : ErrorCode::unauthorized);
  return std::string(who.error().reason);
}
std::string detail(const std::string& json) {
  const auto who = read_claims(json, any_time(), now_s);
  return who ? "" : who.error().detail;
}

TEST(Claims, Make_a_user_of_what_they_say) {
  const auto who = read_claims(R"({"sub":"ann","exp":1000060.9,"info":{ "name" : "Ann" },"iat":999999,"jti":"x",
                                  "channels":["news","chat:room.*"],
                                  "can":{"subscribe":["a.>"],"publish":["b"],"presence":["c"],"history":["d.*"]}})",
                               ClaimRules{}, now_s);
  ASSERT_TRUE(who) << who.error().detail;
  EXPECT_EQ(who->kind, Kind::user);
  EXPECT_EQ(who->name, "ann");
  EXPECT_EQ(who->info_json, R"({"name":"Ann"})");
  EXPECT_EQ(who->expires_s, 1'000'060);
  EXPECT_FALSE(who->manage);
  EXPECT_EQ(who->channels, (std::vector<std::string>{"news", "chat:room.*"}));
  EXPECT_TRUE(who->granted(Right::subscribe).cover("a.1"));
  EXPECT_TRUE(who->granted(Right::subscribe).cover("news")) << "channels are granted as well";
  EXPECT_TRUE(who->granted(Right::subscribe).cover("chat:room.*"));
  EXPECT_FALSE(who->granted(Right::subscribe).cover("b"));
  EXPECT_TRUE(who->granted(Right::publish).cover("b"));
  EXPECT_FALSE(who->granted(Right::publish).cover("news"));
  EXPECT_TRUE(who->granted(Right::presence).cover("c"));
  EXPECT_TRUE(who->granted(Right::history).cover("d.1"));
}

TEST(Claims, May_be_none_at_all_where_no_expiry_is_wanted) {
  const auto who = read_claims("{}", any_time(), now_s);
  ASSERT_TRUE(who);
  EXPECT_EQ(who->name, "");
  EXPECT_EQ(who->info_json, "");
  EXPECT_EQ(who->expires_s, std::nullopt);
  EXPECT_TRUE(who->channels.empty());
  for (const auto right : {Right::subscribe, Right::publish, Right::history, Right::presence}) {
    EXPECT_TRUE(who->granted(right).empty());
  }
}

TEST(Claims, Need_exp_unless_configured_otherwise) {
  EXPECT_EQ(reason("{}", ClaimRules{}), "no_expiry");
  EXPECT_EQ(reason(R"({"nbf":1})", ClaimRules{}), "no_expiry");
  EXPECT_EQ(reason(R"({"exp":1000001})", ClaimRules{}), "");
  EXPECT_EQ(reason("{}"), "");
}

TEST(Claims, Expire_at_exp_and_the_leeway_and_not_a_second_later) {
  ClaimRules rules;
  EXPECT_EQ(reason(R"({"exp":1000000})", rules), "expired");
  EXPECT_EQ(reason(R"({"exp":1000000.5})", rules), "");
  EXPECT_EQ(reason(R"({"exp":1000001})", rules), "");
  EXPECT_EQ(reason(R"({"exp":1})", any_time()), "expired") << "a given exp counts, wanted or not";
  EXPECT_EQ(reason(R"({"exp":-5})", rules), "expired");
  rules.leeway = milliseconds(5'000);
  EXPECT_EQ(reason(R"({"exp":999996})", rules), "");
  EXPECT_EQ(reason(R"({"exp":999995})", rules), "expired");
  rules.leeway = milliseconds(500);
  EXPECT_EQ(reason(R"({"exp":999999.75})", rules), "");
  EXPECT_EQ(reason(R"({"exp":999999.25})", rules), "expired");
}

TEST(Claims, Begin_at_nbf_less_the_leeway) {
  ClaimRules rules = any_time();
  EXPECT_EQ(reason(R"({"nbf":1000000})", rules), "");
  EXPECT_EQ(reason(R"({"nbf":1000000.5})", rules), "not_yet");
  EXPECT_EQ(reason(R"({"nbf":1000001})", rules), "not_yet");
  rules.leeway = milliseconds(5'000);
  EXPECT_EQ(reason(R"({"nbf":1000005})", rules), "");
  EXPECT_EQ(reason(R"({"nbf":1000006})", rules), "not_yet");
}

TEST(Claims, Take_times_as_numbers_of_seconds_alone) {
  for (const std::string name : {"exp", "nbf", "iat"}) {
    for (const char* value : {R"("1000060")", "null", "true", "[1000060]", "{}", "1e400", "-1e400", "1e12",
                              "1000060000000", "253402300800", "99999999999999999999999999"}) {
      EXPECT_EQ(reason("{\"" + name + "\":" + value + "}"), "claims") << name << " " << value;
    }
  }
  EXPECT_EQ(reason(R"({"exp":1.00006e6})"), "");
  EXPECT_EQ(reason(R"({"exp":253402300799})"), "");
  EXPECT_EQ(reason(R"({"iat":99999999999})"), "") << "of no consequence, as long as it is a time";
  EXPECT_EQ(detail(R"({"exp":"1"})"),
            "the token's claim `exp` is no time in seconds since 1970, of the year 9999 at most");
}

TEST(Claims, Must_name_the_issuer_that_is_configured) {
  ClaimRules rules = any_time();
  rules.issuer = "https://login.example.com";
  EXPECT_EQ(reason(R"({"iss":"https://login.example.com"})", rules), "");
  for (const char* json :
       {"{}", R"({"iss":""})", R"({"iss":"https://login.example.com/"})", R"({"iss":"https://LOGIN.example.com"})"}) {
    EXPECT_EQ(reason(json, rules), "issuer") << json;
  }
  EXPECT_EQ(reason(R"({"iss":["https://login.example.com"]})", rules), "claims");
  EXPECT_EQ(reason(R"({"iss":"anybody"})"), "");
}

TEST(Claims, Must_name_the_audience_that_is_configured_alone_or_among_others) {
  ClaimRules rules = any_time();
  rules.audience = "crier";
  EXPECT_EQ(reason(R"({"aud":"crier"})", rules), "");
  EXPECT_EQ(reason(R"({"aud":["other","crier"]})", rules), "");
  for (const char* json :
       {"{}", R"({"aud":"other"})", R"({"aud":[]})", R"({"aud":["other"]})", R"({"aud":"crier2"})"}) {
    EXPECT_EQ(reason(json, rules), "audience") << json;
  }
  for (const char* json : {R"({"aud":7})", R"({"aud":["crier",7]})", R"({"aud":{"crier":1}})", R"({"aud":null})"}) {
    EXPECT_EQ(reason(json, rules), "claims") << json;
  }
}

TEST(Claims, Tell_of_a_wrong_party_before_an_expiry_that_a_new_token_would_mend) {
  ClaimRules rules;
  rules.audience = "crier";
  EXPECT_EQ(reason(R"({"aud":"other","exp":1})", rules), "audience");
}

TEST(Claims, Name_a_user_in_at_most_256_bytes) {
  EXPECT_EQ(reason(R"({"sub":")" + std::string(256, 'x') + R"("})"), "");
  EXPECT_EQ(reason(R"({"sub":")" + std::string(257, 'x') + R"("})"), "claims");
  for (const char* json : {R"({"sub":7})", R"({"sub":null})", R"({"sub":["ann"]})"}) EXPECT_EQ(reason(json), "claims");
  const auto who = read_claims(R"({"sub":"\u00e4\ud83d\ude00"})", any_time(), now_s);
  ASSERT_TRUE(who);
  EXPECT_EQ(who->name, "\xC3\xA4\xF0\x9F\x98\x80");
}

TEST(Claims, Carry_info_of_any_kind_up_to_a_KiB) {
  const auto info = [](const std::string& value) {
    const auto who = read_claims("{\"info\":" + value + "}", any_time(), now_s);
    return who ? who->info_json : std::string(who.error().reason);
  };
  EXPECT_EQ(info("7.0"), "7.0");
  EXPECT_EQ(info("null"), "null");
  EXPECT_EQ(info("123456789012345678901234567890"), "123456789012345678901234567890");
  EXPECT_EQ(info(" [ 1 , \"a b\" ] "), "[1,\"a b\"]");
  const std::string longest = '"' + std::string(1022, 'x') + '"';
  EXPECT_EQ(info(longest), longest);
  EXPECT_EQ(info('"' + std::string(1023, 'x') + '"'), "claims");
  EXPECT_EQ(info("[" + std::string(2000, ' ') + "1]"), "[1]") << "white space counts for nothing";
}

TEST(Claims, List_at_most_128_channels_each_once_and_valid) {
  const auto list = [](std::size_t count) {
    std::string json = R"({"channels":[)";
    for (std::size_t i = 0; i < count; ++i) json += (i == 0 ? "\"c" : ",\"c") + std::to_string(i) + '"';
    return json + "]}";
  };
  EXPECT_EQ(reason(list(128)), "");
  EXPECT_EQ(reason(list(129)), "claims");
  const auto twice = read_claims(R"({"channels":["a","b","a"]})", any_time(), now_s);
  ASSERT_TRUE(twice);
  EXPECT_EQ(twice->channels, (std::vector<std::string>{"a", "b"}));
  for (const char* json : {R"({"channels":"a"})", R"({"channels":null})", R"({"channels":[1]})"}) {
    EXPECT_EQ(detail(json), "the token's claim `channels` is no array of strings") << json;
  }
  EXPECT_EQ(detail(R"({"channels":["a","two words"]})"),
            "the token's claim `channels` has, at index 1, neither a channel's name nor a pattern");
}

TEST(Claims, Grant_what_can_lists_and_refuse_a_slip_of_the_pen_in_it) {
  for (const char* json : {R"({"can":{"subscrib":["a"]}})", R"({"can":{"subscribe":["a"],"admin":true}})",
                           R"({"can":{"Publish":["a"]}})"}) {
    EXPECT_EQ(detail(json), "the token's claim `can` has another member than subscribe, publish, history and presence")
        << json;
  }
  EXPECT_EQ(detail(R"({"can":[]})"), "the token's claim `can` is no object");
  EXPECT_EQ(detail(R"({"can":{"publish":"a"}})"), "the token's claim `can.publish` is no array of strings");
  EXPECT_EQ(detail(R"({"can":{"publish":["a.>.b"]}})"),
            "the token's claim `can.publish` has, at index 0, neither a channel's name nor a pattern");
  std::string many = R"({"can":{"history":["a")";
  for (int i = 1; i < 256; ++i) many += R"(,"a")";
  EXPECT_EQ(reason(many + "]}}"), "");
  EXPECT_EQ(detail(many + R"(,"a"]}})"), "the token's claim `can.history` has more than 256 elements");
}

TEST(Claims, That_can_be_read_in_two_ways_are_none) {
  for (const char* json :
       {R"({"sub":"ann","sub":"bob"})", R"({"sub":"ann","\u0073ub":"bob"})", R"({"exp":1,"exp":1000060})",
        R"({"can":{"publish":["a"],"publish":["b"]}})", R"({"info":{"a":1,"a":2}})", R"(["sub"])", "", "7", "{} {}",
        R"({"sub":"\ud800"})", "{\"sub\":\"\xFF\"}"}) {
    EXPECT_EQ(reason(json), "malformed") << json;
  }
  const std::string deep = R"({"info":)" + std::string(16, '[') + std::string(16, ']') + "}";
  EXPECT_EQ(detail(deep), "the token's payload is nested too deeply");
  EXPECT_EQ(reason(R"({"info":)" + std::string(15, '[') + std::string(15, ']') + "}"), "");
}

TEST(Claims, Are_not_quoted_by_any_fault) {
  const std::string needle = "s3cr3t";
  for (const std::string json :
       {R"({"exp":"s3cr3t"})", R"({"s3cr3t":1,"s3cr3t":2})", R"({"can":{"s3cr3t":1}})", R"({"channels":["s3cr3t x"]})",
        R"({"iss":"s3cr3t"})", R"({"aud":"s3cr3t"})", R"({"sub":"s3cr3t)"}) {
    ClaimRules rules = any_time();
    rules.issuer = "issuer";
    rules.audience = "audience";
    const auto who = read_claims(json, rules, now_s);
    ASSERT_FALSE(who) << json;
    EXPECT_EQ(who.error().detail.find(needle), std::string::npos) << who.error().detail;
  }
}

}  // namespace
}  // namespace crier::auth
