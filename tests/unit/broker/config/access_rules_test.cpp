// Rules between the settings that say who may connect and what for.
#include <gtest/gtest.h>

#include <string>
#include <tuple>
#include <vector>

#include "tests/unit/broker/config/support.hpp"

namespace crier::config {
namespace {

using Lines = std::vector<std::string>;

TEST(AdminRule, Wants_a_key_that_manages_for_an_address_that_others_reach) {
  const std::string text = "[server]\nadmin = '0.0.0.0:9'\nhosts = ['a']\n";
  const std::string expected =
      "crier.toml:2:1: server.admin: found \"0.0.0.0:9\", expected a loopback address (127.0.0.1, [::1] or localhost), "
      "or an [[auth.service_key]] with manage = true. On another address the administrative listener asks for such a "
      "key, and there is none.";
  EXPECT_EQ(fault(text), expected);
  EXPECT_EQ(fault(text + "protected_mode = false\n"), expected);
  EXPECT_EQ(fault(text + with_secret()), expected);
  EXPECT_EQ(fault(text + service_key("a")), expected);
  EXPECT_EQ(faults(text + service_key("a") + service_key("b", 'b') + "manage = true"), Lines{});
}

TEST(HostRule, Wants_names_where_anonymous_pages_of_the_same_origin_may_subscribe) {
  const std::string tail =
      ": server.hosts: found [] (the default), expected the public names of this broker, as [\"crier.example.com\"]. "
      "Anonymous clients may subscribe (namespace.default.subscribe) from pages of the same origin, and where every "
      "name "
      "is accepted DNS rebinding lets any page pass for one. Other ways out: server.origins without \"same\", "
      "subscribe = "
      "\"authenticated\" in every namespace, or auth.anonymous = false.";
  EXPECT_EQ(fault("server.protected_mode = false"), "crier.toml:1:8" + tail);
  EXPECT_EQ(fault(with_secret()), "crier.toml:2:1" + tail);
  EXPECT_EQ(fault(service_key("a")), "crier.toml:1:8" + tail);
  EXPECT_EQ(fault(with_secret() + "[server]\norigins = ['https://a.example', 'same']"), "crier.toml:4:1" + tail);
  EXPECT_TRUE(fault(with_secret() + "[server]\nhosts = []").starts_with("crier.toml:4:1: server.hosts: found [], "));
}

TEST(HostRule, Names_the_namespace_that_is_open) {
  EXPECT_NE(fault(with_secret() + "[namespace.default]\nsubscribe = 'granted'\n[namespace.news]\nsubscribe = 'anyone'")
                .find("(namespace.news.subscribe)"),
            std::string::npos);
}

TEST(HostRule, Is_content_with_each_way_out) {
  EXPECT_EQ(faults(""), Lines{});
  EXPECT_EQ(faults(with_secret() + "[server]\nhosts = ['crier.example.com']"), Lines{});
  EXPECT_EQ(faults(with_secret() + "[server]\norigins = ['https://a.example']"), Lines{});
  EXPECT_EQ(faults(with_secret() + "[server]\norigins = []"), Lines{});
  EXPECT_EQ(faults(with_secret() + "[auth]\nanonymous = false"), Lines{});
  for (const std::string word : {"authenticated", "granted", "nobody"}) {
    EXPECT_EQ(faults(with_secret() + "[namespace.default]\nsubscribe = '" + word + "'"), Lines{});
  }
}

TEST(HostRule, Does_not_guess_what_a_faulty_setting_meant) {
  EXPECT_EQ(faults(with_secret() + "[server]\nhosts = ['a b']").size(), 1U);
  EXPECT_EQ(faults(with_secret() + "[server]\norigins = ['sam']").size(), 1U);
  EXPECT_EQ(faults(with_secret() + "[auth]\nanonymous = 'no'").size(), 1U);
  EXPECT_EQ(faults(with_secret() + "[namespace.default]\nsubscribe = 'some'").size(), 1U);
}

TEST(TlsRule, Wants_a_certificate_and_its_key_together) {
  EXPECT_EQ(fault("[tls]\ncertificate = 'a.pem'"),
            "crier.toml:2:1: tls.private_key: found \"\" (the default), expected the file of the private key of "
            "tls.certificate. Without it the certificate is of no use.");
  const auto without = [](const std::string& text, const std::string& place, const std::string& other) {
    EXPECT_EQ(fault("[tls]\n" + text),
              "crier.toml:" + place +
                  ": tls.certificate: found \"\" (the default), expected the file of a certificate, as " + other +
                  " is set. It is shown to clients that name none of [[tls.host]]; without it nothing is encrypted.");
  };
  without("private_key = 'a.key'", "2:1", "tls.private_key");
  without("client_ca = 'ca.pem'", "2:1", "tls.client_ca");
  without("[[tls.host]]\nname = 'a'\ncertificate = 'b'\nprivate_key = 'c'", "2:7", "tls.host");
}

TEST(TlsRule, Wants_each_name_once) {
  const std::string host = "[[tls.host]]\nname = 'a.example'\ncertificate = 'b'\nprivate_key = 'c'\n";
  EXPECT_EQ(fault("[tls]\ncertificate = 'a'\nprivate_key = 'b'\n" + host + host),
            "crier.toml:9:1: tls.host[1].name: found \"a.example\", expected each name once. The second would never be "
            "shown.");
}

TEST(SecretRule, Wants_as_many_bytes_as_the_longest_hash_has) {
  const std::string hosts = "server.hosts = ['a']\n";
  for (const auto& [algorithms, name, bytes] :
       std::vector<std::tuple<std::string, std::string, std::size_t>>{{"'HS256'", "HS256", 32},
                                                                      {"'HS384'", "HS384", 48},
                                                                      {"'HS512'", "HS512", 64},
                                                                      {"'HS256', 'HS512', 'HS384'", "HS512", 64}}) {
    const std::string rest = "algorithms = [" + algorithms + "]\n";
    EXPECT_EQ(faults(hosts + with_secret(bytes) + rest), Lines{});
    EXPECT_EQ(fault(hosts + with_secret(bytes - 1) + rest),
              "crier.toml:3:1: auth.jwt.secret: found a secret of " + std::to_string(bytes - 1) +
                  " bytes, expected at least " + std::to_string(bytes) + " bytes for " + name +
                  ". A shorter one could be guessed, and then anyone could make tokens: `openssl rand -base64 " +
                  std::to_string(bytes) + "` makes one.");
  }
}

TEST(AlgorithmRule, Wants_a_key_for_each) {
  const std::string head = "server.hosts = ['a']\n[auth.jwt]\n";
  EXPECT_EQ(
      faults(head + "public_key = 'a.pem'"),
      (Lines{
          "crier.toml:3:1: auth.jwt.algorithms[0]: found \"HS256\" (the default), expected auth.jwt.secret beside "
          "it. No key could verify a token of that algorithm.",
          "crier.toml:3:1: auth.jwt.public_key: found a file of public keys, expected RS256, ES256 or EdDSA among "
          "auth.jwt.algorithms. Nothing would use it.",
      }));
  EXPECT_EQ(
      fault("[auth.jwt]\nalgorithms = ['EdDSA']"),
      "crier.toml:2:15: auth.jwt.algorithms[0]: found \"EdDSA\", expected auth.jwt.public_key or auth.jwt.jwks beside "
      "it. No key could verify a token of that algorithm.");
  EXPECT_EQ(faults(head + "algorithms = ['RS256', 'ES256', 'EdDSA']\njwks = 'a.json'"), Lines{});
  EXPECT_EQ(faults(head + "algorithms = ['ES256']\npublic_key = 'a.pem'\njwks = 'a.json'"), Lines{});
  // The default beside no key is no wish for tokens.
  EXPECT_EQ(faults("[auth.jwt]\nalgorithms = ['HS256']\nsecret = ''"), Lines{});
}

TEST(AlgorithmRule, Wants_a_use_for_each_key) {
  EXPECT_EQ(
      fault("server.hosts = ['a']\n" + with_secret() + "algorithms = ['RS256']\njwks = 'a.json'"),
      "crier.toml:3:1: auth.jwt.secret: found a secret, expected HS256, HS384 or HS512 among auth.jwt.algorithms. "
      "Nothing would use it.");
  EXPECT_EQ(fault("server.hosts = ['a']\n" + with_secret() + "jwks = 'a.json'"),
            "crier.toml:4:1: auth.jwt.jwks: found a file of public keys, expected RS256, ES256 or EdDSA among "
            "auth.jwt.algorithms. Nothing would use it.");
}

TEST(ServiceKeyRule, Wants_each_name_and_each_key_once) {
  EXPECT_EQ(
      faults("server.hosts = ['a']\n" + service_key("a", 'a') + service_key("a", 'b') + service_key("b", 'a')),
      (Lines{
          "crier.toml:6:1: auth.service_key[1].name: found \"a\", expected each name once. Nobody could tell the two "
          "apart.",
          "crier.toml:10:1: auth.service_key[2].sha256: found that of another service, expected a key of its own. "
          "Nobody could tell which of the two it is.",
      }));
}

TEST(AnonymousRule, Wants_somebody_who_can_connect) {
  EXPECT_EQ(fault("[auth]\nanonymous = false"),
            "crier.toml:2:1: auth.anonymous: found false, expected tokens ([auth.jwt]) or service keys "
            "([[auth.service_key]]) beside it. Nobody could ever subscribe or publish.");
  EXPECT_EQ(faults("[auth]\nanonymous = false\n" + service_key("a")), Lines{});
}

TEST(WordRule, Wants_tokens_or_keys_for_words_that_need_them) {
  const auto refused = [](const std::string& key, const std::string& word, const std::string& others) {
    EXPECT_EQ(
        fault("[namespace.chat]\n" + key + " = '" + word + "'"),
        "crier.toml:2:1: namespace.chat." + key + ": found \"" + word + "\", expected " + others +
            " where no tokens and keys are configured. Without [auth.jwt] and [[auth.service_key]] nobody could be " +
            word + ".");
  };
  for (const std::string word : {"authenticated", "granted"}) {
    refused("subscribe", word, "\"anyone\" or \"nobody\"");
    refused("publish", word, "\"anyone\" or \"nobody\"");
  }
  for (const std::string key : {"history_access", "presence_access", "pattern_access"}) {
    refused(key, "granted", "\"subscribers\" or \"nobody\"");
  }
}

TEST(WordRule, Is_told_once_for_what_namespaces_only_inherit) {
  EXPECT_TRUE(fault("[namespace.a]\n[namespace.default]\nsubscribe = 'granted'\n[namespace.b]")
                  .starts_with("crier.toml:3:1: namespace.default.subscribe: "));
}

TEST(WordRule, Does_not_judge_where_the_keys_are_faulty) {
  EXPECT_EQ(faults("[namespace.a]\nsubscribe = 'granted'\n[auth.jwt]\nsecret = 5").size(), 1U);
}

}  // namespace
}  // namespace crier::config
