// Tokens as strangers may craft them: the header, the signature, and which key is asked.
#include "broker/auth/token_verifier.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "broker/auth/public_key.hpp"
#include "tests/unit/broker/auth/token_kit.hpp"

namespace crier::auth {
namespace {

using testing::ec;
using testing::ed25519;
using testing::header_for;
using testing::new_ec;
using testing::now_s;
using testing::plain_claims;
using testing::rsa;
using testing::secret;
using testing::secret_signer;
using testing::token_by;

std::vector<VerificationKey> list(VerificationKey key) {
  std::vector<VerificationKey> keys;
  keys.push_back(std::move(key));
  return keys;
}

VerificationKey secret_key(JwtAlgorithm algorithm, std::string_view with = secret) {
  auto made = VerificationKey::from_secret(algorithm, with);
  CRIER_ASSERT(made);
  return std::move(*made);
}

TokenVerifier hs256() {
  return {{JwtAlgorithm::HS256}, list(secret_key(JwtAlgorithm::HS256)), ClaimRules{}};
}

// All algorithms, a key for each.
TokenVerifier everything() {
  std::vector<VerificationKey> keys;
  for (const auto algorithm : {JwtAlgorithm::HS256, JwtAlgorithm::HS384, JwtAlgorithm::HS512}) {
    keys.push_back(secret_key(algorithm));
  }
  for (const testing::KeyPair* pair : {&rsa(), &ec(), &ed25519()}) keys.push_back(pair->verification_key());
  return {{all_algorithms.begin(), all_algorithms.end()}, std::move(keys), ClaimRules{}};
}

// "" when the token is accepted.
std::string reason(const TokenVerifier& verifier, std::string_view token) {
  const auto who = verifier.verify(token, now_s);
  if (who) return "";
  EXPECT_FALSE(who.error().detail.empty());
  return std::string(who.error().reason);
}

std::string with_header(const std::string& header) {
  return secret_signer().sign(header, plain_claims);
}

TEST(TokenVerifier, Accepts_a_token_of_each_algorithm) {
  const TokenVerifier verifier = everything();
  for (const auto algorithm : {JwtAlgorithm::HS256, JwtAlgorithm::HS384, JwtAlgorithm::HS512}) {
    EXPECT_EQ(reason(verifier, token_by(secret_signer(algorithm))), "");
  }
  for (const testing::KeyPair* pair : {&rsa(), &ec(), &ed25519()}) {
    const auto who = verifier.verify(token_by(pair->signer()), now_s);
    ASSERT_TRUE(who) << who.error().detail;
    EXPECT_EQ(who->name, "ann");
  }
}

TEST(TokenVerifier, Accepts_the_examples_of_RFC_7515_and_RFC_8037) {
  constexpr std::int64_t then_s = 1'300'819'379;
  const std::string claims =
      "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
  const auto hmac_secret = command::decode_base64url(
      "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow");
  const TokenVerifier by_secret({JwtAlgorithm::HS256}, list(secret_key(JwtAlgorithm::HS256, *hmac_secret)), {});
  const auto a1 = by_secret.verify(
      "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9." + claims + ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", then_s);
  EXPECT_TRUE(a1) << a1.error().detail;

  auto set = read_jwks(
      R"({"keys":[{"kty":"RSA","e":"AQAB","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4q)"
      R"(PCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5)"
      R"(z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoud)"
      R"(F8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"},{"kty":"EC","crv":"P-256",)"
      R"("x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"},)"
      R"({"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]})",
      {all_algorithms.begin(), all_algorithms.end()});
  ASSERT_TRUE(set) << set.error();
  ASSERT_EQ(set->keys.size(), 3u);
  EXPECT_TRUE(set->keys[2].verifies(
      "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc",
      *command::decode_base64url(
          "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg")));
  const TokenVerifier by_key({all_algorithms.begin(), all_algorithms.end()}, std::move(set->keys), {});
  const auto a2 = by_key.verify(
      "eyJhbGciOiJSUzI1NiJ9." + claims +
          ".cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9C"
          "UAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6"
          "_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp"
          "0igcN_IoypGlUPQGe77Rw",
      then_s);
  EXPECT_TRUE(a2) << a2.error().detail;
  const auto a3 =
      by_key.verify("eyJhbGciOiJFUzI1NiJ9." + claims +
                        ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6"
                        "NU1Q",
                    then_s);
  EXPECT_TRUE(a3) << a3.error().detail;
}

TEST(TokenVerifier, Refuses_alg_none_in_every_spelling_with_and_without_a_signature) {
  const TokenVerifier verifier = everything();
  for (const char* none : {"none", "None", "NONE", "nOnE", ""}) {
    const std::string header = R"({"alg":")" + std::string(none) + R"("})";
    EXPECT_EQ(reason(verifier, with_header(header)), "algorithm") << none;
    EXPECT_EQ(reason(verifier, command::encode_base64url(header) + "." + command::encode_base64url(plain_claims) + "."),
              "algorithm");
  }
}

TEST(TokenVerifier, Refuses_an_algorithm_that_is_not_configured_although_the_key_would_fit) {
  EXPECT_EQ(reason(hs256(), token_by(secret_signer(JwtAlgorithm::HS512))), "algorithm");
  for (const char* algorithm : {"RS256", "PS256", "ES384", "hs256", "HS256 ", "A128KW", "dir"}) {
    EXPECT_EQ(reason(hs256(), with_header(R"({"alg":")" + std::string(algorithm) + R"("})")), "algorithm");
  }
}

// The classic: the public key, which everybody has, as the secret of an HMAC.
TEST(TokenVerifier, Never_takes_a_public_key_for_a_secret) {
  for (const testing::KeyPair* pair : {&rsa(), &ec(), &ed25519()}) {
    const std::string pem = pair->public_pem();
    for (const std::string& confused : {pem, pem.substr(0, pem.size() - 1), pair->jwk()}) {
      const std::string token = token_by(secret_signer(JwtAlgorithm::HS256, confused));
      const TokenVerifier verifier({all_algorithms.begin(), all_algorithms.end()}, list(pair->verification_key()), {});
      EXPECT_EQ(reason(verifier, token), "unknown_key");
      EXPECT_EQ(reason(everything(), token), "signature") << "the secret is another one";
    }
  }
}

TEST(TokenVerifier, Binds_each_key_to_the_algorithm_of_its_type) {
  // Signed with one key, and a header that says another.
  for (const testing::KeyPair* pair : {&rsa(), &ec(), &ed25519()}) {
    for (const JwtAlgorithm said : all_algorithms) {
      const TokenSigner signer = pair->signer();
      if (said == signer.algorithm()) continue;
      const std::string token = signer.sign(R"({"alg":")" + std::string(algorithm_name(said)) + R"("})", plain_claims);
      EXPECT_EQ(reason(everything(), token), "signature") << algorithm_name(said);
    }
  }
}

TEST(TokenVerifier, Ignores_keys_that_a_token_brings_along) {
  const testing::KeyPair stranger = new_ec("P-256");
  const TokenSigner signer = stranger.signer();
  const TokenVerifier verifier({JwtAlgorithm::ES256}, list(ec().verification_key()), {});
  for (const std::string& more :
       {R"(,"jwk":)" + stranger.jwk(), std::string(R"(,"jku":"https://stranger.example/keys.json")"),
        std::string(R"(,"x5u":"https://stranger.example/chain.pem")"), std::string(R"(,"x5c":["MIIB"])")}) {
    EXPECT_EQ(reason(verifier, signer.sign(header_for(signer, more), plain_claims)), "signature") << more;
    const TokenSigner ours = ec().signer();
    EXPECT_EQ(reason(verifier, ours.sign(header_for(ours, more), plain_claims)), "")
        << "ignored, not refused: " << more;
  }
}

TEST(TokenVerifier, Refuses_every_crit) {
  for (const char* crit : {R"(["exp"])", R"(["b64"])", "[]", "null", R"("x")"}) {
    EXPECT_EQ(reason(hs256(), with_header(R"({"alg":"HS256","crit":)" + std::string(crit) + "}")), "other") << crit;
  }
  EXPECT_EQ(reason(hs256(), with_header(R"({"alg":"HS256","b64":false,"crit":["b64"]})")), "other");
}

TEST(TokenVerifier, Accepts_the_types_of_tokens_alone) {
  for (const char* type : {"JWT", "jwt", "at+jwt", "AT+JWT", "application/at+jwt", "application/jwt"}) {
    EXPECT_EQ(reason(hs256(), with_header(R"({"alg":"HS256","typ":")" + std::string(type) + R"("})")), "") << type;
  }
  for (const char* type : {R"("JOSE")", R"("secevent+jwt")", R"("")", "null", "1", R"(["JWT"])", R"("application/")"}) {
    EXPECT_EQ(reason(hs256(), with_header(R"({"alg":"HS256","typ":)" + std::string(type) + "}")), "malformed") << type;
  }
}

TEST(TokenVerifier, Refuses_headers_that_can_be_read_in_two_ways) {
  for (const char* header :
       {R"({"alg":"HS256","alg":"none"})", R"({"alg":"none","alg":"HS256"})", R"({"alg":"HS256","\u0061lg":"HS256"})",
        R"({"alg":"HS256","x":{"a":1,"a":2}})", R"({"alg":["HS256"]})", R"({"alg":null})", R"({})", R"([])", "",
        R"({"alg":"HS256"} )"
        "{}",
        R"({"alg":"HS256","kid":7})", R"({"alg":"HS256","kid":null})", "{\"alg\":\"HS256\",\"x\":\"\xFF\"}",
        "\xEF\xBB\xBF{\"alg\":\"HS256\"}"}) {
    EXPECT_EQ(reason(hs256(), with_header(header)), "malformed") << header;
  }
  const std::string deep = R"({"alg":"HS256","x":)" + std::string(40, '[') + std::string(40, ']') + "}";
  EXPECT_EQ(reason(hs256(), with_header(deep)), "malformed");
}

TEST(TokenVerifier, Refuses_a_token_that_is_cut_at_any_byte) {
  const TokenVerifier verifier = everything();
  for (const TokenSigner& signer : {secret_signer(), ec().signer()}) {
    const std::string token = token_by(signer);
    for (std::size_t size = 0; size < token.size(); ++size) {
      EXPECT_NE(reason(verifier, token.substr(0, size)), "") << size;
      EXPECT_NE(reason(verifier, token.substr(size + 1)), "") << size;
      EXPECT_NE(reason(verifier, token.substr(0, size) + token.substr(size + 1)), "") << size;
    }
  }
}

TEST(TokenVerifier, Refuses_a_token_with_any_byte_changed_or_added) {
  const TokenVerifier verifier = everything();
  const std::string token = token_by(secret_signer());
  for (std::size_t at = 0; at <= token.size(); ++at) {
    for (const char c : std::string("A_.= \n\0\xC3", 8)) {
      std::string longer = token;
      longer.insert(at, 1, c);
      EXPECT_NE(reason(verifier, longer), "") << at;
      if (at == token.size() || token[at] == c) continue;
      std::string changed = token;
      changed[at] = c;
      EXPECT_NE(reason(verifier, changed), "") << at;
    }
  }
}

TEST(TokenVerifier, Refuses_a_token_of_other_than_three_parts) {
  const std::string token = token_by(secret_signer());
  for (const std::string& other : {std::string(), std::string("."), std::string(".."), std::string("..."), "." + token,
                                   token + ".", token + ".x.y", token.substr(0, token.rfind('.')), "Bearer " + token}) {
    EXPECT_EQ(reason(hs256(), other), "malformed") << other;
  }
}

TEST(TokenVerifier, Refuses_more_than_eight_KiB_before_reading_any_of_it) {
  EXPECT_EQ(reason(hs256(), std::string(token_bytes_max + 1, 'A')), "too_long");
  EXPECT_EQ(reason(hs256(), std::string(token_bytes_max, 'A')), "malformed");
  const auto padded = [](std::size_t bytes) {
    return token_by(secret_signer(), R"({"exp":1000060,"x":")" + std::string(bytes, 'x') + R"("})");
  };
  std::size_t fits = 6000;
  while (padded(fits + 1).size() <= token_bytes_max) ++fits;
  EXPECT_EQ(reason(hs256(), padded(fits)), "");
  EXPECT_EQ(reason(hs256(), padded(fits + 1)), "too_long");
  EXPECT_EQ(reason(hs256(), padded(1'000'000)), "too_long");
}

TEST(TokenVerifier, Asks_the_key_that_the_kid_names_and_no_other) {
  const testing::KeyPair first = new_ec("P-256");
  const testing::KeyPair second = new_ec("P-256");
  std::vector<VerificationKey> keys;
  keys.push_back(first.verification_key("first"));
  keys.push_back(second.verification_key("second"));
  keys.push_back(rsa().verification_key("third"));
  const TokenVerifier verifier({JwtAlgorithm::ES256, JwtAlgorithm::RS256}, std::move(keys), {});
  const auto signed_by = [&](const testing::KeyPair& pair, const std::string& more) {
    const TokenSigner signer = pair.signer();
    return signer.sign(header_for(signer, more), plain_claims);
  };
  EXPECT_EQ(reason(verifier, signed_by(first, R"(,"kid":"first")")), "");
  EXPECT_EQ(reason(verifier, signed_by(second, R"(,"kid":"second")")), "");
  EXPECT_EQ(reason(verifier, signed_by(first, R"(,"kid":"second")")), "signature");
  EXPECT_EQ(reason(verifier, signed_by(first, R"(,"kid":"third")")), "algorithm") << "that one is for RS256";
  EXPECT_EQ(reason(verifier, signed_by(second, R"(,"kid":"unknown")")), "") << "tried by algorithm";
  EXPECT_EQ(reason(verifier, signed_by(second, "")), "");
  EXPECT_EQ(reason(verifier, signed_by(new_ec("P-256"), R"(,"kid":"unknown")")), "unknown_key");
  EXPECT_EQ(reason(verifier, signed_by(new_ec("P-256"), "")), "signature");
  EXPECT_EQ(reason(verifier, signed_by(ec(), R"(,"kid":"")")), "unknown_key") << "an empty kid names nothing";
}

TEST(TokenVerifier, Tries_at_most_eight_keys_for_a_token_without_a_known_kid) {
  std::vector<testing::KeyPair> pairs;
  std::vector<VerificationKey> keys;
  for (std::size_t i = 0; i <= key_tries_max; ++i) {
    pairs.push_back(new_ec("P-256"));
    keys.push_back(pairs.back().verification_key("key" + std::to_string(i)));
  }
  const TokenVerifier verifier({JwtAlgorithm::ES256}, std::move(keys), {});
  const TokenSigner eighth = pairs[key_tries_max - 1].signer();
  const TokenSigner ninth = pairs[key_tries_max].signer();
  EXPECT_EQ(reason(verifier, token_by(eighth)), "");
  EXPECT_EQ(reason(verifier, token_by(ninth)), "signature");
  EXPECT_EQ(reason(verifier, ninth.sign(header_for(ninth, R"(,"kid":"key8")"), plain_claims)), "");
}

TEST(TokenVerifier, Looks_at_the_claims_only_when_the_signature_is_genuine) {
  const std::string other = "another secret, of at least 32 bytes";
  for (const char* claims : {"{", R"({"exp":1})", R"({"exp":1000060,"exp":1000060})"}) {
    EXPECT_EQ(reason(hs256(), token_by(secret_signer(JwtAlgorithm::HS256, other), claims)), "signature") << claims;
  }
}

}  // namespace
}  // namespace crier::auth
