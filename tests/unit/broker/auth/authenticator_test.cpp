#include "broker/auth/authenticator.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "broker/auth/service_keys.hpp"
#include "broker/auth/token_verifier.hpp"
#include "broker/runtime/thread_metrics.hpp"
#include "tests/unit/broker/auth/token_kit.hpp"

namespace crier::auth {
namespace {

using testing::ec;
using testing::ed25519;
using testing::now_s;
using testing::rsa;
using testing::secret;
using testing::secret_signer;
using testing::token_by;

using AuthenticatorPtr = std::shared_ptr<const Authenticator>;

// A file of this test alone, gone with the test's folder.
std::string file_with(const std::string& name, const std::string& text) {
  const std::string path =
      ::testing::TempDir() + "/crier-" + ::testing::UnitTest::GetInstance()->current_test_info()->name() + "-" + name;
  std::ofstream(path, std::ios::binary) << text;
  return path;
}

config::ServiceKey service_key(std::string name, std::string_view key) {
  config::ServiceKey setting;
  setting.name = std::move(name);
  setting.sha256 = sha256_of(key);
  return setting;
}

AuthenticatorPtr made(const config::Auth& settings) {
  auto result = Authenticator::make(settings);
  if (!result) {
    ADD_FAILURE() << result.error().front();
    return nullptr;
  }
  return *result;
}

std::vector<std::string> faults(const config::Auth& settings) {
  const auto result = Authenticator::make(settings);
  return result ? std::vector<std::string>{} : result.error();
}

std::string detail(const Authenticator& who, std::string_view credential,
                   CredentialPlace place = CredentialPlace::header) {
  const auto answer = who.authenticate(credential, place, now_s);
  if (answer) return "";
  EXPECT_EQ(answer.error().code, ErrorCode::unauthorized);
  return answer.error().detail;
}

TEST(Authenticator, Knows_users_by_their_tokens) {
  config::Auth settings;
  settings.jwt.secret = secret;
  const auto authenticator = made(settings);
  for (const auto place : {CredentialPlace::header, CredentialPlace::url, CredentialPlace::command}) {
    const auto who = authenticator->authenticate(token_by(secret_signer()), place, now_s);
    ASSERT_TRUE(who) << who.error().detail;
    EXPECT_EQ((*who)->kind, Principal::Kind::user);
    EXPECT_EQ((*who)->name, "ann");
    EXPECT_EQ((*who)->expires_s, now_s + 60);
  }
  EXPECT_EQ(authenticator->service("ann"), nullptr);
}

TEST(Authenticator, Applies_the_rules_that_are_configured) {
  config::Auth settings;
  settings.jwt.secret = secret;
  settings.jwt.issuer = "login";
  settings.jwt.audience = "crier";
  settings.leeway = std::chrono::seconds(5);
  const auto authenticator = made(settings);
  const auto reason = [&](const std::string& claims, std::int64_t wall_s = now_s) {
    const auto who = authenticator->authenticate(token_by(secret_signer(), claims), CredentialPlace::command, wall_s);
    return who ? std::string() : std::string(who.error().reason);
  };
  const std::string good = R"({"iss":"login","aud":"crier","exp":1000060})";
  EXPECT_EQ(reason(good), "");
  EXPECT_EQ(reason(good, 1'000'064), "");
  EXPECT_EQ(reason(good, 1'000'065), "expired");
  EXPECT_EQ(reason(R"({"iss":"other","aud":"crier","exp":1000060})"), "issuer");
  EXPECT_EQ(reason(R"({"iss":"login","aud":"other","exp":1000060})"), "audience");
  EXPECT_EQ(reason(R"({"iss":"login","aud":"crier"})"), "no_expiry");
  settings.jwt.expiry_required = false;
  EXPECT_TRUE(made(settings)->authenticate(token_by(secret_signer(), R"({"iss":"login","aud":"crier"})"),
                                           CredentialPlace::command, now_s));
}

TEST(Authenticator, Knows_services_by_their_keys_with_what_they_are_granted_now) {
  const std::string key = new_service_key();
  config::Auth settings;
  settings.service_keys = {service_key("orders", key), service_key("other", new_service_key())};
  settings.service_keys[0].publish = {"orders.>"};
  settings.service_keys[0].subscribe = {"chat:*"};
  settings.service_keys[0].presence = {"p"};
  settings.service_keys[0].history = {"h"};
  settings.service_keys[0].manage = true;
  const auto authenticator = made(settings);
  const auto who = authenticator->authenticate(key, CredentialPlace::header, now_s);
  ASSERT_TRUE(who) << who.error().detail;
  EXPECT_EQ((*who)->kind, Principal::Kind::service);
  EXPECT_EQ((*who)->name, "orders");
  EXPECT_TRUE((*who)->manage);
  EXPECT_EQ((*who)->expires_s, std::nullopt);
  EXPECT_TRUE((*who)->granted(Right::publish).cover("orders.1"));
  EXPECT_TRUE((*who)->granted(Right::subscribe).cover("chat:*"));
  EXPECT_TRUE((*who)->granted(Right::presence).cover("p"));
  EXPECT_TRUE((*who)->granted(Right::history).cover("h"));
  EXPECT_FALSE((*who)->granted(Right::publish).cover("chat:x"));
  EXPECT_EQ(authenticator->service("orders"), *who);
  EXPECT_EQ(authenticator->service("nobody"), nullptr);
  EXPECT_FALSE(authenticator->service("other")->manage);
  EXPECT_NE(authenticator->service("other")->key_id, (*who)->key_id);
}

TEST(Authenticator, Refuses_other_keys_and_keys_in_URLs_without_repeating_them) {
  const std::string key = new_service_key();
  config::Auth settings;
  settings.service_keys = {service_key("orders", key)};
  const auto authenticator = made(settings);
  EXPECT_EQ(detail(*authenticator, key, CredentialPlace::command), "");
  EXPECT_EQ(detail(*authenticator, key, CredentialPlace::url),
            "a URL may carry a token only, three parts between dots: service keys belong into the header "
            "Authorization: Bearer, because URLs end up in logs");
  for (const std::string& other :
       {std::string(), key.substr(1), key + "x", new_service_key(), std::string("a.b"), std::string(8000, 'x')}) {
    EXPECT_EQ(detail(*authenticator, other), "the key is none of this broker's service keys");
  }
  EXPECT_EQ(detail(*authenticator, std::string(8193, 'x')), "the credential has more than 8192 bytes");
  EXPECT_EQ(detail(*authenticator, token_by(secret_signer())),
            "this broker takes no tokens: its configuration has no auth.jwt.secret, public_key or jwks");
}

TEST(Authenticator, Without_keys_takes_no_credential_for_nothing) {
  const auto authenticator = made(config::Auth{});
  EXPECT_EQ(detail(*authenticator, "crier_key"),
            "this broker takes neither tokens nor keys: its configuration has no auth.jwt and no auth.service_key");
  EXPECT_EQ(detail(*authenticator, token_by(secret_signer())),
            "this broker takes no tokens: its configuration has no auth.jwt.secret, public_key or jwks");
  EXPECT_NE(detail(*authenticator, ""), "");
}

TEST(Authenticator, Says_of_a_cut_token_that_it_is_none_where_no_service_key_exists) {
  config::Auth settings;
  settings.jwt.secret = secret;
  EXPECT_EQ(detail(*made(settings), "eyJhbGciOiJIUzI1NiJ9.e30"),
            "the token is not three parts between dots, and this broker has no service keys");
}

TEST(Authenticator, Reads_a_public_key_and_a_key_set_beside_a_secret) {
  config::Auth settings;
  settings.jwt.algorithms = {all_algorithms.begin(), all_algorithms.end()};
  settings.jwt.secret = secret;
  settings.jwt.public_key = file_with("key.pem", rsa().public_pem());
  settings.jwt.jwks = file_with("jwks.json", "{\"keys\":[" + ec().jwk() + "," + ed25519().jwk() + ",{}]}");
  const auto authenticator = made(settings);
  for (const testing::KeyPair* pair : {&rsa(), &ec(), &ed25519()}) {
    EXPECT_EQ(detail(*authenticator, token_by(pair->signer())), "");
  }
  EXPECT_EQ(detail(*authenticator, token_by(secret_signer(JwtAlgorithm::HS512))), "");
  ASSERT_EQ(authenticator->remarks().size(), 1u);
  EXPECT_EQ(authenticator->remarks()[0], "auth.jwt.jwks: " + settings.jwt.jwks + ": keys[2] has no kty");
}

TEST(Authenticator, Says_when_there_are_more_keys_than_are_tried_without_a_kid) {
  std::string keys;
  for (std::size_t i = 0; i <= key_tries_max; ++i) keys += (i == 0 ? "" : ",") + testing::new_ec("P-256").jwk();
  config::Auth settings;
  settings.jwt.algorithms = {JwtAlgorithm::ES256};
  settings.jwt.jwks = file_with("jwks.json", "{\"keys\":[" + keys + "]}");
  const auto authenticator = made(settings);
  ASSERT_EQ(authenticator->remarks().size(), 1u);
  EXPECT_EQ(
      authenticator->remarks()[0],
      "auth.jwt.jwks: " + settings.jwt.jwks +
          ": there are 9 keys for ES256; a token without a kid that is known here is tried with the first 8 alone");
}

TEST(Authenticator, Refuses_for_reasons_that_the_metrics_know) {
  EXPECT_TRUE(std::ranges::equal(refusal_reasons, runtime::credential_fault_labels));
}

TEST(Authenticator, Tells_every_fault_of_its_configuration_with_the_key_that_it_is_in) {
  config::Auth settings;
  settings.jwt.algorithms = {JwtAlgorithm::HS256, JwtAlgorithm::HS512};
  settings.jwt.secret = secret.substr(0, 40);
  settings.jwt.public_key = file_with("private.pem", ec().private_pem());
  settings.jwt.jwks = "/no/such/file.json";
  settings.service_keys = {service_key("a", "1"), service_key("a", "2"), service_key("b", "1")};
  settings.service_keys[0].publish = {"two words"};
  const auto told = faults(settings);
  ASSERT_EQ(told.size(), 6u);
  EXPECT_EQ(told[0], "auth.jwt.secret: has 40 bytes: HS512 needs at least 64, or it could be guessed");
  EXPECT_TRUE(told[1].starts_with("auth.jwt.public_key: " + settings.jwt.public_key + " holds a private key"))
      << told[1];
  EXPECT_EQ(told[2], "auth.jwt.jwks: /no/such/file.json cannot be read: No such file or directory");
  EXPECT_TRUE(told[3].starts_with("auth.service_key.publish: of the key a: 'two words' has a space")) << told[3];
  EXPECT_EQ(told[4], "auth.service_key.name: two keys are called a; each needs its own name");
  EXPECT_EQ(told[5], "auth.service_key.sha256: a and b have the same key; each service needs its own");
  for (const std::string& fault : told) EXPECT_EQ(fault.find(settings.jwt.secret), std::string::npos);
}

TEST(Authenticator, Refuses_a_key_that_no_configured_algorithm_uses) {
  config::Auth settings;
  settings.jwt.public_key = file_with("key.pem", rsa().public_pem());
  EXPECT_EQ(faults(settings),
            std::vector<std::string>{"auth.jwt.public_key: " + settings.jwt.public_key +
                                     " holds a key for RS256, which auth.jwt.algorithms does not list"});
  config::Auth other;
  other.jwt.algorithms = {JwtAlgorithm::ES256};
  other.jwt.secret = secret;
  EXPECT_EQ(faults(other),
            std::vector<std::string>{
                "auth.jwt.secret: is for HS256, HS384 and HS512, none of which auth.jwt.algorithms lists"});
}

TEST(Authenticator, Refuses_files_that_are_too_long_or_no_files) {
  config::Auth settings;
  settings.jwt.jwks = file_with("long.json", std::string(1024 * 1024 + 1, ' '));
  settings.jwt.public_key = ::testing::TempDir();
  const auto told = faults(settings);
  ASSERT_EQ(told.size(), 2u);
  EXPECT_EQ(told[0], "auth.jwt.public_key: " + settings.jwt.public_key + " is no ordinary file");
  EXPECT_EQ(told[1], "auth.jwt.jwks: " + settings.jwt.jwks + " has more than 1048576 bytes, which no file of keys has");
}

TEST(Authenticator, Serves_many_threads_at_once) {
  const std::string key = new_service_key();
  config::Auth settings;
  settings.jwt.algorithms = {all_algorithms.begin(), all_algorithms.end()};
  settings.jwt.secret = secret;
  settings.jwt.jwks =
      file_with("jwks.json", "{\"keys\":[" + rsa().jwk() + "," + ec().jwk() + "," + ed25519().jwk() + "]}");
  settings.service_keys = {service_key("orders", key)};
  const auto authenticator = made(settings);
  std::vector<std::string> good = {key, token_by(secret_signer())};
  for (const testing::KeyPair* pair : {&rsa(), &ec(), &ed25519()}) good.push_back(token_by(pair->signer()));
  std::atomic<int> mistakes = 0;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&] {
      for (int round = 0; round < 50; ++round) {
        for (const std::string& credential : good) {
          if (!authenticator->authenticate(credential, CredentialPlace::header, now_s)) ++mistakes;
          if (authenticator->authenticate(credential + "A", CredentialPlace::header, now_s)) ++mistakes;
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(mistakes, 0);
}

TEST(ServiceKeys, Are_random_and_have_no_dots) {
  const std::string key = new_service_key();
  EXPECT_EQ(key.size(), 6u + 43u);
  EXPECT_TRUE(key.starts_with("crier_"));
  EXPECT_TRUE(std::ranges::none_of(key, [](char c) { return c == '.'; }));
  EXPECT_FALSE(looks_like_token(key));
  EXPECT_NE(key, new_service_key());
}

}  // namespace
}  // namespace crier::auth
