#include "broker/auth/public_key.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/unit/broker/auth/token_kit.hpp"

namespace crier::auth {
namespace {

using testing::ec;
using testing::ed25519;
using testing::new_ec;
using testing::new_rsa;
using testing::rsa;

const std::vector<JwtAlgorithm> every(all_algorithms.begin(), all_algorithms.end());

std::string pem_fault(std::string_view pem) {
  const auto key = read_public_key_pem(pem);
  return key ? "" : key.error();
}

std::string set_of(const std::vector<std::string>& keys) {
  std::string text = R"({"keys":[)";
  for (std::size_t i = 0; i < keys.size(); ++i) text += (i == 0 ? "" : ",") + keys[i];
  return text + "]}";
}

std::string jwks_fault(std::string_view json, const std::vector<JwtAlgorithm>& algorithms = every) {
  const auto set = read_jwks(json, algorithms);
  return set ? "" : set.error();
}

// What is said about one entry beside a good one.
std::string remark_about(const std::string& entry, const std::vector<JwtAlgorithm>& algorithms = every) {
  const auto set = read_jwks(set_of({ed25519().jwk(), entry}), algorithms);
  if (!set) return "fault: " + set.error();
  EXPECT_EQ(set->keys.size() + set->remarks.size(), 2u);
  return set->remarks.empty() ? "" : set->remarks.front();
}

TEST(PublicKeyPem, Is_read_for_each_type_and_decides_the_algorithm) {
  EXPECT_EQ(read_public_key_pem(rsa().public_pem())->algorithm(), JwtAlgorithm::RS256);
  EXPECT_EQ(read_public_key_pem(ec().public_pem())->algorithm(), JwtAlgorithm::ES256);
  EXPECT_EQ(read_public_key_pem(ed25519().public_pem())->algorithm(), JwtAlgorithm::EdDSA);
  EXPECT_EQ(read_public_key_pem("a comment\n" + ec().public_pem() + "\n")->algorithm(), JwtAlgorithm::ES256);
}

TEST(PublicKeyPem, Refuses_a_private_key_in_every_form_with_a_clear_sentence) {
  const std::string sentence =
      "holds a private key, which only those who sign may have; the broker wants the public one: "
      "`openssl pkey -in FILE -pubout` takes it out";
  for (const testing::KeyPair* pair : {&rsa(), &ec(), &ed25519()}) EXPECT_EQ(pem_fault(pair->private_pem()), sentence);
  EXPECT_EQ(pem_fault(ec().public_pem() + ec().private_pem()), sentence);
  const BioPtr traditional(BIO_new(BIO_s_mem()));
  ASSERT_EQ(PEM_write_bio_PrivateKey_traditional(traditional.get(), rsa().get(), nullptr, nullptr, 0, nullptr, nullptr),
            1);
  EXPECT_EQ(pem_fault(testing::take_text(traditional.get())), sentence);
  const BioPtr encrypted(BIO_new(BIO_s_mem()));
  ASSERT_EQ(
      PEM_write_bio_PKCS8PrivateKey(encrypted.get(), ec().get(), EVP_aes_128_cbc(), "password", 8, nullptr, nullptr),
      1);
  EXPECT_EQ(pem_fault(testing::take_text(encrypted.get())), sentence) << "and asks nobody for the password";
}

TEST(PublicKeyPem, Refuses_what_is_no_single_public_key) {
  EXPECT_EQ(pem_fault(""), "holds no PEM block (-----BEGIN PUBLIC KEY-----) that can be read");
  EXPECT_EQ(pem_fault("0123456789abcdef0123456789abcdef"),
            "holds no PEM block (-----BEGIN PUBLIC KEY-----) that can be read");
  EXPECT_EQ(pem_fault(ec().public_pem() + rsa().public_pem()),
            "holds several PEM blocks, expected one; several keys make a JWKS");
  EXPECT_EQ(pem_fault("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"),
            "holds a PUBLIC KEY block whose content is no key that OpenSSL knows");
  EXPECT_TRUE(
      pem_fault("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").starts_with("holds a certificate"));
  EXPECT_TRUE(pem_fault("-----BEGIN RSA PUBLIC KEY-----\nAAAA\n-----END RSA PUBLIC KEY-----\n")
                  .starts_with("holds a public key in PKCS #1"));
  EXPECT_EQ(pem_fault(new_rsa(1024).public_pem()), "is an RSA key of 1024 bits: RS256 needs at least 2048");
  EXPECT_EQ(pem_fault(new_ec("P-384").public_pem()),
            "is an EC key on the curve secp384r1: ES256 needs P-256 (prime256v1)");
}

TEST(PublicKeyPem, Is_refused_wherever_it_is_cut) {
  const std::string pem = ec().public_pem();
  const std::size_t whole = pem.find_last_not_of('\n') + 1;
  for (std::size_t size = 0; size < whole; ++size) EXPECT_NE(pem_fault(pem.substr(0, size)), "") << size;
}

TEST(Jwks, Is_read_for_each_type_with_its_kids) {
  const auto set = read_jwks(set_of({rsa().jwk(R"(,"kid":"one","use":"sig","alg":"RS256")"),
                                     ec().jwk(R"(,"kid":"two","key_ops":["verify"])"), ed25519().jwk()}),
                             every);
  ASSERT_TRUE(set) << set.error();
  EXPECT_TRUE(set->remarks.empty()) << set->remarks.front();
  ASSERT_EQ(set->keys.size(), 3u);
  EXPECT_EQ(set->keys[0].kid(), "one");
  EXPECT_EQ(set->keys[1].kid(), "two");
  EXPECT_EQ(set->keys[2].kid(), "");
  EXPECT_TRUE(set->keys[0].verifies("text", rsa().signer().signature_of("text")));
  EXPECT_TRUE(set->keys[1].verifies("text", ec().signer().signature_of("text")));
  EXPECT_TRUE(set->keys[2].verifies("text", ed25519().signer().signature_of("text")));
}

TEST(Jwks, Leaves_out_what_cannot_be_used_and_tells_why) {
  EXPECT_EQ(remark_about(ec().jwk(R"(,"use":"enc")")), "keys[1] has another use than sig");
  EXPECT_EQ(remark_about(ec().jwk(R"(,"use":1)")), "keys[1] has another use than sig");
  EXPECT_EQ(remark_about(ec().jwk(R"(,"key_ops":["sign"])")), "keys[1] has key_ops without verify");
  EXPECT_EQ(remark_about(ec().jwk(R"(,"key_ops":"verify")")), "keys[1] has key_ops without verify");
  EXPECT_EQ(remark_about(ec().jwk(R"(,"alg":"ES384")")), "keys[1] is for another algorithm than ES256");
  EXPECT_EQ(remark_about(rsa().jwk(R"(,"alg":"PS256")")), "keys[1] is for another algorithm than RS256");
  EXPECT_EQ(remark_about(rsa().jwk(R"(,"alg":"HS256")")), "keys[1] is for another algorithm than RS256");
  EXPECT_EQ(remark_about(ec().jwk(R"(,"kid":7)")), "keys[1] has a kid that is no string");
  EXPECT_EQ(remark_about(rsa().jwk(), {JwtAlgorithm::EdDSA}),
            "keys[1] is for RS256, which auth.jwt.algorithms does not list");
  EXPECT_EQ(remark_about(R"({"kty":"AKP"})"), "keys[1] has a kty other than RSA, EC and OKP");
  EXPECT_EQ(remark_about(R"({"kid":"a"})"), "keys[1] has no kty");
  EXPECT_EQ(remark_about("7"), "keys[1] is no object");
}

TEST(Jwks, Leaves_out_weak_keys_and_wrong_curves) {
  EXPECT_EQ(remark_about(new_rsa(1024).jwk()), "keys[1] is an RSA key of 1024 bits: RS256 needs at least 2048");
  EXPECT_EQ(remark_about(R"({"kty":"RSA","n":")" + std::string(4096, 'A') + R"(","e":"AQAB"})"),
            "keys[1] is an RSA key that is too long");
  EXPECT_EQ(remark_about(R"({"kty":"RSA","n":"AQAB"})"), "keys[1] is an RSA key without n and e in base64url");
  for (const char* curve : {"P-384", "P-521", "secp256k1"}) {
    EXPECT_EQ(remark_about(R"({"kty":"EC","crv":")" + std::string(curve) + R"(","x":"AA","y":"AA"})"),
              "keys[1] is on another curve than P-256");
  }
  const std::string coordinate = command::encode_base64url(std::string(32, '\x01'));
  EXPECT_EQ(remark_about(R"({"kty":"EC","crv":"P-256","x":")" + coordinate + R"(","y":")" + coordinate + R"("})"),
            "keys[1] is no valid key of its type")
      << "a point beside the curve";
  EXPECT_EQ(remark_about(R"({"kty":"EC","crv":"P-256","x":"AQ","y":"AQ"})"),
            "keys[1] is an EC key without x and y, 32 bytes each in base64url");
  EXPECT_EQ(remark_about(R"({"kty":"OKP","crv":"X25519","x":")" + coordinate + R"("})"),
            "keys[1] is on another curve than Ed25519");
  EXPECT_EQ(remark_about(R"({"kty":"OKP","crv":"Ed25519","x":"AA"})"),
            "keys[1] is an Ed25519 key without x, 32 bytes in base64url");
  EXPECT_EQ(remark_about(R"({"kty":"OKP","crv":"Ed25519","x":")" + coordinate + "=" + R"("})"),
            "keys[1] is an Ed25519 key without x, 32 bytes in base64url")
      << "padding";
}

TEST(Jwks, Refuses_secrets_and_private_keys_as_a_whole) {
  EXPECT_EQ(jwks_fault(set_of({ec().jwk(), R"({"kty":"oct","k":"c2VjcmV0"})"})),
            "cannot be used: keys[1] is a shared secret (kty oct), which a file of public keys must not hold; "
            "auth.jwt.secret takes one");
  for (const testing::KeyPair* pair : {&rsa(), &ec(), &ed25519()}) {
    EXPECT_EQ(jwks_fault(set_of({pair->jwk(R"(,"d":"c2VjcmV0")")})),
              "cannot be used: keys[0] is a private key (it has d), which only those who sign may have");
  }
}

TEST(Jwks, Refuses_a_file_without_any_key_that_can_be_used) {
  EXPECT_EQ(jwks_fault(R"({"keys":[]})"), "holds no key");
  EXPECT_EQ(jwks_fault(set_of({ec().jwk(R"(,"use":"enc")")})),
            "holds no key that can be used: keys[0] has another use than sig");
  EXPECT_EQ(jwks_fault(set_of({ec().jwk()}), {JwtAlgorithm::HS256}),
            "holds no key that can be used: keys[0] is for ES256, which auth.jwt.algorithms does not list");
}

TEST(Jwks, Refuses_what_is_no_key_set) {
  EXPECT_EQ(jwks_fault(""), "is no JSON; expected a JWK set");
  EXPECT_EQ(jwks_fault("{\"keys\":[}"), "is no JSON, at byte 9; expected a JWK set");
  EXPECT_EQ(jwks_fault("[]"), "is no JSON object; expected a JWK set");
  EXPECT_EQ(jwks_fault("{}"), "is no JWK set: it has no array `keys`");
  EXPECT_EQ(jwks_fault(R"({"keys":{}})"), "is no JWK set: it has no array `keys`");
  EXPECT_EQ(jwks_fault(ec().jwk()), "is no JWK set: it has no array `keys`");
  EXPECT_EQ(jwks_fault(set_of({ec().jwk(R"(,"kty":"RSA")")})), "names a member twice; expected a JWK set");
  EXPECT_EQ(jwks_fault(set_of(std::vector<std::string>(257, "{}"))), "holds 257 keys, at most 256");
}

TEST(Jwks, Keeps_keys_that_share_a_kid_and_says_so) {
  const auto set = read_jwks(
      set_of({ec().jwk(R"(,"kid":"a")"), new_ec("P-256").jwk(R"(,"kid":"a")"), rsa().jwk(R"(,"kid":"a")")}), every);
  ASSERT_TRUE(set) << set.error();
  EXPECT_EQ(set->keys.size(), 3u);
  ASSERT_EQ(set->remarks.size(), 1u) << "a kid for each algorithm is no ambiguity";
  EXPECT_EQ(set->remarks.front(), "the kid 'a' stands at several keys for ES256; each of them is tried");
}

}  // namespace
}  // namespace crier::auth
