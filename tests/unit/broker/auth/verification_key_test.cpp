// Signatures: those of the RFCs, those of every kind of key, and those that must not pass.
#include "broker/auth/verification_key.hpp"

#include <gtest/gtest.h>

#include <string>

#include "tests/unit/broker/auth/token_kit.hpp"

namespace crier::auth {
namespace {

using testing::ec;
using testing::ed25519;
using testing::new_ec;
using testing::new_rsa;
using testing::rsa;
using testing::secret;
using testing::secret_signer;

std::string fault_of(const testing::KeyPair& pair) {
  EVP_PKEY_up_ref(pair.get());
  const auto key = VerificationKey::from_public_key(PkeyPtr(pair.get()), "");
  return key ? "" : key.error();
}

TEST(VerificationKey, Verifies_with_each_algorithm_what_was_signed_and_nothing_else) {
  const auto expect = [](const VerificationKey& key, const TokenSigner& signer) {
    const std::string name(algorithm_name(signer.algorithm()));
    ASSERT_EQ(key.algorithm(), signer.algorithm());
    const std::string text = "what was signed";
    const std::string signature = signer.signature_of(text);
    EXPECT_TRUE(key.verifies(text, signature)) << name;
    EXPECT_FALSE(key.verifies("what was signet", signature)) << name;
    EXPECT_FALSE(key.verifies("", signature)) << name;
    EXPECT_FALSE(key.verifies(text, "")) << name;
    EXPECT_FALSE(key.verifies(text, std::string(signature.size(), '\0'))) << name;
    EXPECT_FALSE(key.verifies(text, signature + '\0')) << name;
    for (std::size_t i = 0; i < signature.size(); ++i) {
      std::string changed = signature;
      changed[i] = static_cast<char>(changed[i] ^ 1);
      EXPECT_FALSE(key.verifies(text, changed)) << name << ", byte " << i;
      EXPECT_FALSE(key.verifies(text, signature.substr(0, i))) << name << ", cut at " << i;
    }
  };
  for (const auto algorithm : {JwtAlgorithm::HS256, JwtAlgorithm::HS384, JwtAlgorithm::HS512}) {
    expect(*VerificationKey::from_secret(algorithm, secret), secret_signer(algorithm));
  }
  for (const testing::KeyPair* pair : {&rsa(), &ec(), &ed25519()}) expect(pair->verification_key(), pair->signer());
}

TEST(VerificationKey, Refuses_a_secret_shorter_than_the_hash_without_telling_it) {
  for (const auto& [algorithm, bytes] : {std::pair{JwtAlgorithm::HS256, std::size_t{32}},
                                         {JwtAlgorithm::HS384, std::size_t{48}},
                                         {JwtAlgorithm::HS512, std::size_t{64}}}) {
    EXPECT_TRUE(VerificationKey::from_secret(algorithm, secret.substr(0, bytes)));
    const auto refused = VerificationKey::from_secret(algorithm, secret.substr(0, bytes - 1));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error(), "has " + std::to_string(bytes - 1) +
                                   " bytes: " + std::string(algorithm_name(algorithm)) + " needs at least " +
                                   std::to_string(bytes) + ", or it could be guessed");
  }
  EXPECT_FALSE(VerificationKey::from_secret(JwtAlgorithm::HS256, ""));
}

TEST(VerificationKey, Refuses_weak_keys_and_other_types_and_curves) {
  EXPECT_EQ(fault_of(new_rsa(1024)), "is an RSA key of 1024 bits: RS256 needs at least 2048");
  EXPECT_EQ(fault_of(new_rsa(2040)), "is an RSA key of 2040 bits: RS256 needs at least 2048");
  EXPECT_EQ(fault_of(new_ec("P-384")), "is an EC key on the curve secp384r1: ES256 needs P-256 (prime256v1)");
  EXPECT_EQ(fault_of(new_ec("secp256k1")), "is an EC key on the curve secp256k1: ES256 needs P-256 (prime256v1)");
  const std::string others = ": RSA (RS256), EC on P-256 (ES256) and Ed25519 (EdDSA) can be used";
  for (const char* type : {"ED448", "X25519"}) {
    const testing::KeyPair pair(EVP_PKEY_Q_keygen(nullptr, nullptr, type));
    EXPECT_EQ(fault_of(pair), "is a key of type " + std::string(type) + others);
  }
}

TEST(VerificationKey, Refuses_ECDSA_signatures_with_a_zero_and_in_DER) {
  const VerificationKey key = ec().verification_key();
  const std::string text = "text";
  const std::string signature = ec().signer().signature_of(text);
  const std::string zero(32, '\0');
  EXPECT_FALSE(key.verifies(text, zero + zero));
  EXPECT_FALSE(key.verifies(text, signature.substr(0, 32) + zero));
  EXPECT_FALSE(key.verifies(text, zero + signature.substr(32)));
  // The group's order is a zero as well.
  const std::string order(
      "\xff\xff\xff\xff\x00\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff"
      "\xbc\xe6\xfa\xad\xa7\x17\x9e\x84\xf3\xb9\xca\xc2\xfc\x63\x25\x51",
      32);
  EXPECT_FALSE(key.verifies(text, order + order));
  DigestContextPtr context(EVP_MD_CTX_new());
  ASSERT_EQ(EVP_DigestSignInit_ex(context.get(), nullptr, "SHA256", nullptr, nullptr, ec().get(), nullptr), 1);
  std::array<unsigned char, 80> der{};
  std::size_t size = der.size();
  ASSERT_EQ(EVP_DigestSign(context.get(), der.data(), &size, reinterpret_cast<const unsigned char*>(text.data()),
                           text.size()),
            1);
  EXPECT_FALSE(key.verifies(text, {reinterpret_cast<const char*>(der.data()), size})) << "a second spelling";
}

TEST(VerificationKey, Leaves_nothing_in_the_error_queue_of_its_thread) {
  ERR_clear_error();
  EXPECT_FALSE(rsa().verification_key().verifies("text", "no signature"));
  EXPECT_FALSE(ec().verification_key().verifies("text", std::string(64, '\xff')));
  EXPECT_FALSE(ed25519().verification_key().verifies("text", std::string(64, '\xff')));
  EXPECT_EQ(ERR_peek_error(), 0u) << "TLS on this thread would take it for its own";
}

}  // namespace
}  // namespace crier::auth
