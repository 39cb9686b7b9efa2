#include <openssl/core_names.h>

#include <algorithm>
#include <set>

#include "broker/auth/json_object.hpp"
#include "broker/auth/public_key.hpp"
#include "protocol/command/base64url.hpp"
#include "protocol/command/quote.hpp"

namespace crier::auth {

using command::JsonKind;
using command::JsonValue;

namespace {

constexpr std::size_t levels_max = 8;
constexpr std::size_t coordinate_bytes = 32;  // of P-256 and of Ed25519

// Why an entry is not used; both are the rest of a sentence that begins with "keys[n]".
struct EntryFault {
  std::string what;
  bool fatal = false;  // the file must not hold such a thing at all
};
using Entry = Result<VerificationKey, EntryFault>;

EntryFault skipped(std::string what) {
  return {std::move(what), false};
}

// A member that has to be a string, or nothing.
std::optional<std::string> string_member(const JsonObject& jwk, std::string_view name) {
  const JsonValue* value = jwk.find(name);
  if (value == nullptr || value->kind != JsonKind::string) return std::nullopt;
  return text_of(*value);
}

std::optional<std::string> bytes_member(const JsonObject& jwk, std::string_view name) {
  const auto text = string_member(jwk, name);
  return text ? command::decode_base64url(*text) : std::nullopt;
}

BigNumberPtr big_number(std::string_view bytes) {
  return BigNumberPtr(
      BN_bin2bn(reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()), nullptr));
}

PkeyPtr key_from(const char* type, OSSL_PARAM* parameters) {
  const PkeyContextPtr context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
  EVP_PKEY* key = nullptr;
  if (!context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, parameters) != 1) {
    return nullptr;
  }
  return PkeyPtr(key);
}

// RFC 7518 section 6.3.1
Result<PkeyPtr, EntryFault> rsa_key(const JsonObject& jwk) {
  const auto n = bytes_member(jwk, "n");
  const auto e = bytes_member(jwk, "e");
  if (!n || !e) return skipped("is an RSA key without n and e in base64url");
  if (n->size() * 8 > static_cast<std::size_t>(rsa_bits_max)) return skipped("is an RSA key that is too long");
  const BigNumberPtr modulus = big_number(*n);
  const BigNumberPtr exponent = big_number(*e);
  const ParamBuilderPtr builder(OSSL_PARAM_BLD_new());
  if (!modulus || !exponent || !builder ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, modulus.get()) != 1 ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, exponent.get()) != 1) {
    return skipped("is no RSA key");
  }
  const ParamsPtr parameters(OSSL_PARAM_BLD_to_param(builder.get()));
  return key_from("RSA", parameters.get());
}

// RFC 7518 section 6.2.1: each coordinate at its full length.
Result<PkeyPtr, EntryFault> ec_key(const JsonObject& jwk) {
  const auto curve = string_member(jwk, "crv");
  if (curve != "P-256") return skipped("is on another curve than P-256");
  const auto x = bytes_member(jwk, "x");
  const auto y = bytes_member(jwk, "y");
  if (!x || !y || x->size() != coordinate_bytes || y->size() != coordinate_bytes) {
    return skipped("is an EC key without x and y, 32 bytes each in base64url");
  }
  std::string group = "prime256v1";
  std::string point = '\x04' + *x + *y;
  std::array parameters = {OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group.data(), group.size()),
                           OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()),
                           OSSL_PARAM_construct_end()};
  return key_from("EC", parameters.data());
}

// RFC 8037 section 2
Result<PkeyPtr, EntryFault> okp_key(const JsonObject& jwk) {
  if (string_member(jwk, "crv") != "Ed25519") return skipped("is on another curve than Ed25519");
  const auto x = bytes_member(jwk, "x");
  if (!x || x->size() != coordinate_bytes) return skipped("is an Ed25519 key without x, 32 bytes in base64url");
  return PkeyPtr(EVP_PKEY_new_raw_public_key_ex(nullptr, "ED25519", nullptr,
                                                reinterpret_cast<const unsigned char*>(x->data()), x->size()));
}

// Is the key meant for verifying (RFC 7517 sections 4.2 and 4.3)? Otherwise why not.
std::optional<EntryFault> judge_purpose(const JsonObject& jwk) {
  if (const JsonValue* use = jwk.find("use"); use != nullptr) {
    if (use->kind != JsonKind::string || text_of(*use) != "sig") return skipped("has another use than sig");
  }
  if (const JsonValue* operations = jwk.find("key_ops"); operations != nullptr) {
    const auto is_verify = [](const JsonValue& v) { return v.kind == JsonKind::string && text_of(v) == "verify"; };
    if (operations->kind != JsonKind::array || std::ranges::none_of(elements_of(*operations), is_verify)) {
      return skipped("has key_ops without verify");
    }
  }
  return std::nullopt;
}

Result<PkeyPtr, EntryFault> public_key_of(const JsonObject& jwk) {
  const auto type = string_member(jwk, "kty");
  if (!type) return skipped("has no kty");
  if (*type == "oct") {
    return EntryFault{
        "is a shared secret (kty oct), which a file of public keys must not hold; "
        "auth.jwt.secret takes one",
        true};
  }
  if (*type != "RSA" && *type != "EC" && *type != "OKP") return skipped("has a kty other than RSA, EC and OKP");
  if (jwk.find("d") != nullptr) {
    return EntryFault{"is a private key (it has d), which only those who sign may have", true};
  }
  if (auto fault = judge_purpose(jwk)) return std::move(*fault);
  return *type == "RSA" ? rsa_key(jwk) : *type == "EC" ? ec_key(jwk) : okp_key(jwk);
}

Entry read_entry(const JsonValue& value, const std::vector<JwtAlgorithm>& algorithms) {
  if (value.kind != JsonKind::object) return skipped("is no object");
  const JsonObject jwk = JsonObject::inside(value);
  auto pkey = public_key_of(jwk);
  if (!pkey) return pkey.error();
  if (!*pkey) return skipped("is no valid key of its type");
  std::string kid;
  if (const JsonValue* given = jwk.find("kid"); given != nullptr) {
    if (given->kind != JsonKind::string) return skipped("has a kid that is no string");
    kid = text_of(*given);
  }
  auto key = VerificationKey::from_public_key(std::move(*pkey), std::move(kid));
  if (!key) return skipped(key.error());
  const std::string_view name = algorithm_name(key->algorithm());
  if (const JsonValue* alg = jwk.find("alg"); alg != nullptr) {
    if (alg->kind != JsonKind::string || text_of(*alg) != name) {
      return skipped("is for another algorithm than " + std::string(name));
    }
  }
  if (std::ranges::find(algorithms, key->algorithm()) == algorithms.end()) {
    return skipped("is for " + std::string(name) + ", which auth.jwt.algorithms does not list");
  }
  return std::move(*key);
}

void remark_same_kids(Jwks& jwks) {
  std::set<std::pair<JwtAlgorithm, std::string_view>> seen;
  for (const VerificationKey& key : jwks.keys) {
    if (key.kid().empty() || seen.emplace(key.algorithm(), key.kid()).second) continue;
    jwks.remarks.push_back("the kid " + command::quote(key.kid()) + " stands at several keys for " +
                           std::string(algorithm_name(key.algorithm())) + "; each of them is tried");
  }
}

}  // namespace

Result<Jwks, std::string> read_jwks(std::string_view json, const std::vector<JwtAlgorithm>& algorithms) {
  const ErrorQueueMark mark;
  const auto set = JsonObject::parse(json, levels_max);
  if (!set) {
    return std::string(set.error().what) + (set.error().at == 0 ? "" : ", at byte " + std::to_string(set.error().at)) +
           "; expected a JWK set";
  }
  const JsonValue* list = set->find("keys");
  if (list == nullptr || list->kind != JsonKind::array) return std::string("is no JWK set: it has no array `keys`");
  const std::vector<JsonValue> entries = elements_of(*list);
  if (entries.size() > jwks_keys_max) {
    return "holds " + std::to_string(entries.size()) + " keys, at most " + std::to_string(jwks_keys_max);
  }
  Jwks jwks;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    auto key = read_entry(entries[i], algorithms);
    const std::string place = "keys[" + std::to_string(i) + "] ";
    if (key) {
      jwks.keys.push_back(std::move(*key));
    } else if (key.error().fatal) {
      return "cannot be used: " + place + key.error().what;
    } else {
      jwks.remarks.push_back(place + key.error().what);
    }
  }
  if (!jwks.keys.empty()) {
    remark_same_kids(jwks);
    return jwks;
  }
  std::string fault = entries.empty() ? "holds no key" : "holds no key that can be used";
  for (std::size_t i = 0; i < jwks.remarks.size() && i < 4; ++i) fault += (i == 0 ? ": " : "; ") + jwks.remarks[i];
  return fault;
}

}  // namespace crier::auth
