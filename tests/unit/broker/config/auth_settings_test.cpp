// The keys of [tls] and [auth], and that no secret is ever in a message.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/unit/broker/config/support.hpp"

namespace crier::config {
namespace {

using Texts = std::vector<std::string>;

TEST(ParseToml, Brings_every_key_of_tls) {
  const Tls tls = parsed(R"([tls]
certificate = "/etc/crier/chain.pem"
private_key = "key.pem"
client_ca = "ca.pem"
handshakes_in_flight_max = 7
[[tls.host]]
name = "crier.example.com"
certificate = "a.pem"
private_key = "a.key"
[[tls.host]]
name = "*.example.org"
certificate = "b.pem"
private_key = "b.key"
)")
                      .tls;
  EXPECT_TRUE(tls.enabled());
  EXPECT_EQ(tls.certificate, "/etc/crier/chain.pem");
  EXPECT_EQ(tls.private_key, "key.pem");
  EXPECT_EQ(tls.client_ca, "ca.pem");
  EXPECT_EQ(tls.handshakes_in_flight_max, 7U);
  EXPECT_EQ(tls.hosts,
            (std::vector<TlsHost>{{"crier.example.com", "a.pem", "a.key"}, {"*.example.org", "b.pem", "b.key"}}));
}

TEST(ParseToml, Brings_every_key_of_auth) {
  const Auth auth = parsed(R"([auth]
anonymous = false
auth_timeout = "1s"
expiry_grace = "0s"
leeway = "5m"
[auth.jwt]
algorithms = ["EdDSA", "HS512", "HS256", "HS384", "RS256", "ES256"]
secret = "0123456789012345678901234567890123456789012345678901234567890123"
public_key = "tokens.pem"
jwks = "tokens.json"
issuer = "https://id.example.com/"
audience = "crier"
expiry_required = false
[[auth.service_key]]
name = "orders_1-X"
sha256 = "00112233445566778899AABBCCDDEEFF00112233445566778899aabbccddeeff"
publish = ["orders.new", "orders.>"]
subscribe = ["chat:room.*", ">"]
presence = ["chat:>"]
history = ["orders.*.log"]
manage = true
)")
                        .auth;
  EXPECT_FALSE(auth.anonymous);
  EXPECT_EQ(auth.auth_timeout, milliseconds(1'000));
  EXPECT_EQ(auth.expiry_grace, milliseconds(0));
  EXPECT_EQ(auth.leeway, milliseconds(300'000));
  EXPECT_EQ(auth.jwt.algorithms, (std::vector{JwtAlgorithm::EdDSA, JwtAlgorithm::HS512, JwtAlgorithm::HS256,
                                              JwtAlgorithm::HS384, JwtAlgorithm::RS256, JwtAlgorithm::ES256}));
  EXPECT_EQ(auth.jwt.secret.size(), 64U);
  EXPECT_EQ(auth.jwt.public_key, "tokens.pem");
  EXPECT_EQ(auth.jwt.jwks, "tokens.json");
  EXPECT_EQ(auth.jwt.issuer, "https://id.example.com/");
  EXPECT_EQ(auth.jwt.audience, "crier");
  EXPECT_FALSE(auth.jwt.expiry_required);
  ASSERT_EQ(auth.service_keys.size(), 1U);
  const ServiceKey& key = auth.service_keys[0];
  EXPECT_EQ(key.name, "orders_1-X");
  EXPECT_EQ(key.sha256[1], 0x11);
  EXPECT_EQ(key.sha256[10], 0xAA);
  EXPECT_EQ(key.sha256[31], 0xFF);
  EXPECT_EQ(key.publish, (Texts{"orders.new", "orders.>"}));
  EXPECT_EQ(key.subscribe, (Texts{"chat:room.*", ">"}));
  EXPECT_EQ(key.presence, Texts{"chat:>"});
  EXPECT_EQ(key.history, Texts{"orders.*.log"});
  EXPECT_TRUE(key.manage);
}

TEST(ParseToml, Grants_a_service_key_nothing_that_is_not_written) {
  const ServiceKey key = parsed("server.hosts = ['a']\n" + service_key("a")).auth.service_keys.at(0);
  EXPECT_TRUE(key.publish.empty() && key.subscribe.empty() && key.presence.empty() && key.history.empty());
  EXPECT_FALSE(key.manage);
}

TEST(ParseToml, Opens_publishing_and_patterns_by_default_only_while_nobody_can_prove_who_it_is) {
  EXPECT_EQ(parsed("").settings_of("").publish, Who::anyone);
  EXPECT_EQ(parsed("").settings_of("").pattern_access, Access::subscribers);
  for (const std::string& proof : {with_secret(), service_key("a")}) {
    const Config config =
        parsed("server.hosts = ['a']\n" + proof + "[namespace.a]\n[namespace.b]\npublish = 'anyone'\n");
    for (const std::string_view name : {"", "a"}) {
      EXPECT_EQ(config.settings_of(name).subscribe, Who::anyone);
      EXPECT_EQ(config.settings_of(name).publish, Who::granted);
      EXPECT_EQ(config.settings_of(name).pattern_access, Access::granted);
      EXPECT_EQ(config.settings_of(name).history_access, Access::subscribers);
    }
    EXPECT_EQ(config.settings_of("b").publish, Who::anyone);
    EXPECT_EQ(config.settings_of("b").pattern_access, Access::granted);
  }
}

TEST(ParseToml, Keeps_what_default_says_of_publishing_and_patterns_whatever_is_configured) {
  const Config config = parsed("server.hosts = ['a']\n" + with_secret() +
                               "[namespace.a]\n[namespace.default]\npublish = 'anyone'\npattern_access = 'anyone'\n");
  for (const std::string_view name : {"", "a"}) {
    EXPECT_EQ(config.settings_of(name).publish, Who::anyone);
    EXPECT_EQ(config.settings_of(name).pattern_access, Access::subscribers);
  }
}

TEST(ParseToml, Knows_the_words_that_tokens_and_keys_give_a_meaning) {
  const auto settings = [](const std::string& text) {
    return parsed("server.hosts = ['a']\n" + with_secret() + "[namespace.a]\n" + text).settings_of("a");
  };
  EXPECT_EQ(settings("subscribe = 'authenticated'").subscribe, Who::authenticated);
  EXPECT_EQ(settings("subscribe = 'granted'").subscribe, Who::granted);
  EXPECT_EQ(settings("publish = 'authenticated'").publish, Who::authenticated);
  EXPECT_EQ(settings("publish = 'nobody'").publish, Who::nobody);
  EXPECT_EQ(settings("history_access = 'granted'").history_access, Access::granted);
  EXPECT_EQ(settings("presence_access = 'granted'").presence_access, Access::granted);
  EXPECT_EQ(settings("pattern_access = 'granted'").pattern_access, Access::granted);
  EXPECT_EQ(settings("pattern_access = 'nobody'").pattern_access, Access::nobody);
}

TEST(ConfigFault, Of_networks_shows_the_one_that_may_be_meant) {
  const std::string expected =
      ", expected an address or a network, as \"10.0.0.0/8\", \"192.0.2.7\" or \"2001:db8::/32\".";
  for (const std::string text : {"", "10.0.0.0/33", "proxy.example.com", "[::1]", "10.0.0.0/8,10.1.0.0/16"}) {
    EXPECT_EQ(fault("server.trusted_proxies = ['" + text + "']"),
              "crier.toml:1:27: server.trusted_proxies[0]: found \"" + text + "\"" + expected);
  }
  EXPECT_EQ(
      fault("server.trusted_proxies = ['10.1.2.3/8']"),
      "crier.toml:1:27: server.trusted_proxies[0]: found \"10.1.2.3/8\"" + expected + " Did you mean \"10.0.0.0/8\"?");
}

TEST(ConfigFault, Of_files_says_what_belongs_there) {
  EXPECT_EQ(fault("auth.jwt.public_key = '-----BEGIN PUBLIC KEY-----'"),
            "crier.toml:1:10: auth.jwt.public_key: found a string of 26 bytes, not shown, expected a file's path, as "
            "\"/etc/crier/key.pem\", or \"\" for none. The key belongs into the file.");
  EXPECT_EQ(fault("auth.jwt.jwks = '{\"keys\":[]}'"),
            "crier.toml:1:10: auth.jwt.jwks: found a string of 11 bytes, not shown, expected a file's path, as "
            "\"/etc/crier/key.pem\", or \"\" for none. The key belongs into the file.");
  EXPECT_EQ(fault("tls.private_key = \"a\\u0007\""),
            "crier.toml:1:5: tls.private_key: found \"a\\x07\", expected a file's path, as \"/etc/crier/key.pem\", or "
            "\"\" for none. A control character in a path is a slip.");
}

TEST(ConfigFault, Of_a_text_that_is_a_private_key_shows_nothing_of_it) {
  const std::string pem = "-----BEGIN PRIVATE KEY-----\\nMC4CAQAwBQYDK2VwBCIEIHhe";
  for (const std::string key : {"tls.private_key", "tls.certificate", "auth.jwt.public_key", "auth.jwt.jwks"}) {
    const auto lines = faults(key + " = \"" + pem + "\"");
    ASSERT_FALSE(lines.empty());
    for (const std::string& line : lines) EXPECT_EQ(line.find("MC4"), std::string::npos) << line;
  }
}

TEST(ConfigFault, Of_an_algorithm_names_all_that_are_known) {
  const std::string words = ", expected \"HS256\", \"HS384\", \"HS512\", \"RS256\", \"ES256\" or \"EdDSA\".";
  EXPECT_EQ(fault("auth.jwt.algorithms = ['none']"), "crier.toml:1:24: auth.jwt.algorithms[0]: found \"none\"" + words);
  EXPECT_EQ(fault("auth.jwt.algorithms = ['hs256']"),
            "crier.toml:1:24: auth.jwt.algorithms[0]: found \"hs256\"" + words + " Did you mean \"HS256\"?");
  EXPECT_EQ(fault("auth.jwt.algorithms = ['RS256', 'RS256']"),
            "crier.toml:1:33: auth.jwt.algorithms[1]: found \"RS256\", expected each word once.");
  EXPECT_EQ(fault("auth.jwt.algorithms = []"),
            "crier.toml:1:10: auth.jwt.algorithms: found an array, expected a list of \"HS256\", \"HS384\", \"HS512\", "
            "\"RS256\", \"ES256\" or \"EdDSA\".");
}

TEST(ConfigFault, Of_a_digest_never_shows_what_may_be_the_key) {
  const std::string key = "crier_k1_dG9wIHNlY3JldA";
  EXPECT_EQ(
      fault("[[auth.service_key]]\nname = 'a'\nsha256 = '" + key + "'"),
      "crier.toml:3:1: auth.service_key[0].sha256: found a string of 23 bytes, not shown, expected the SHA-256 of "
      "the key in 64 hex digits. `crier key new NAME` prints both. Only the service itself is to have the key: if "
      "it stands here, make a new one.");
  for (const std::string& digest : {std::string(63, 'a'), std::string(65, 'a'), std::string(63, 'a') + "g"}) {
    EXPECT_EQ(fault("[[auth.service_key]]\nname = 'a'\nsha256 = '" + digest + "'").find("aaa"), std::string::npos);
  }
}

TEST(ConfigFault, Of_a_service_key_names_what_is_missing) {
  EXPECT_EQ(
      faults("[[auth.service_key]]\nmanage = true\n[[auth.service_key]]\nname = 'a b'\n"),
      (Texts{
          "crier.toml:1:1: auth.service_key[0]: expected the key `name`: [[auth.service_key]] has no use without "
          "it.",
          "crier.toml:1:1: auth.service_key[0]: expected the key `sha256`: [[auth.service_key]] has no use without "
          "it.",
          "crier.toml:3:1: auth.service_key[1]: expected the key `sha256`: [[auth.service_key]] has no use without "
          "it.",
          "crier.toml:4:1: auth.service_key[1].name: found \"a b\", expected 1 to 64 letters, digits, \"_\" and "
          "\"-\", as \"orders\".",
      }));
  EXPECT_EQ(fault("[auth.service_key]\nname = 'a'"),
            "crier.toml:1:7: auth.service_key: found a table, expected tables below [[auth.service_key]], with two "
            "brackets.");
  EXPECT_EQ(fault("auth.service_key = ['topsecret']"),
            "crier.toml:1:21: auth.service_key[0]: found a string of 9 bytes, not shown, expected a table below "
            "[[auth.service_key]].");
  EXPECT_EQ(fault("server.hosts = ['a']\n" + service_key("a") + "subscrib = []"),
            "crier.toml:5:1: auth.service_key[0].subscrib: unknown key `subscrib`, did you mean `subscribe`?");
}

TEST(ConfigFault, Of_a_grant_says_what_a_channel_or_pattern_is) {
  const std::string tail = ", expected a channel or a pattern, as \"orders.new\", \"orders.>\" or \"chat:room.*\". It ";
  const auto lines = faults(service_key("a") + "publish = ['a', 'a b', 'a.>.b']");
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_TRUE(lines[0].starts_with("crier.toml:4:17: auth.service_key[0].publish[1]: found \"a b\"" + tail))
      << lines[0];
  EXPECT_TRUE(lines[1].starts_with("crier.toml:4:24: auth.service_key[0].publish[2]: found \"a.>.b\"" + tail))
      << lines[1];
}

TEST(ConfigFault, Of_a_host_for_a_certificate_wants_all_its_keys) {
  const std::string tls = "[tls]\ncertificate = 'a'\nprivate_key = 'b'\n";
  EXPECT_EQ(
      faults(tls + "[[tls.host]]\nname = 'A.example.com'\ncertificate = ''\n"),
      (Texts{
          "crier.toml:4:1: tls.host[0]: expected the key `private_key`: [[tls.host]] has no use without it.",
          "crier.toml:5:1: tls.host[0].name: found \"A.example.com\", expected a host name in lower case, as "
          "\"crier.example.com\" or \"*.example.com\".",
          "crier.toml:6:1: tls.host[0].certificate: found \"\", expected a file's path, as \"/etc/crier/key.pem\".",
      }));
}

TEST(ConfigFault, Of_a_masked_secret_says_that_it_was_printed) {
  EXPECT_EQ(fault("auth.jwt.secret = '********'"),
            "crier.toml:1:10: auth.jwt.secret: found a string of 8 bytes, not shown, expected the secret itself. Stars "
            "are what `crier config` prints in its place.");
}

TEST(Secrets, Stand_in_no_message_wherever_they_were_put) {
  const std::string secret = "tr0ub4dor";
  for (const std::string& text : Texts{
           "[auth.jwt]\nsecret = " + secret,
           "[auth.jwt]\nsecret = '" + secret,
           "[auth.jwt]\nsecret = \"\"\"" + secret + "\\q\"\"\"",
           "[auth.jwt]\nsecert = " + secret,
           "[auth.jwt]\nsecert = '" + secret + "'",
           "[auth]\njwt = { secret = " + secret + " }",
           "auth.jwt.secret = " + secret,
           "[auth.jwt]\nsecret = ['" + secret + "']",
           "[auth.jwt]\nsecret = { value = '" + secret + "' }",
           "[auth]\njwt = '" + secret + "'",
           "auth = '" + secret + "'",
           "[auth]\nsecret = '" + secret + "'",
           "[auth]\nservice_key = '" + secret + "'",
           "[auth]\nservice_key = ['" + secret + "']",
           "[server]\nsecret = '" + secret + "'",
           "secret = '" + secret + "'",
           "[auth.jwt]\nalgorithms = ['HS512']\nsecret = '" + secret + "'",
           "[auth.jwt]\nalgorithms = ['RS256']\nsecret = '" + secret + "'",
           "[[auth.service_key]]\nname = 'a'\nsha256 = '" + secret + "'",
           "[[auth.service_key]]\nname = 'a'\nsha256 = " + secret,
       }) {
    const auto lines = faults(text);
    EXPECT_FALSE(lines.empty()) << text;
    for (const std::string& line : lines) EXPECT_EQ(line.find(secret.substr(0, 3)), std::string::npos) << line;
  }
}

TEST(Secrets, Are_numbers_that_no_message_shows) {
  EXPECT_EQ(fault("auth.jwt.secret = 31415926"),
            "crier.toml:1:10: auth.jwt.secret: found a number, not shown, expected a string.");
}

}  // namespace
}  // namespace crier::config
