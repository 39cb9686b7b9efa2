// Owners of OpenSSL's objects, and of what it leaves in the thread's error queue.
#pragma once

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include <memory>

namespace crier::auth {

template <auto free_function>
struct FreeBy {
  template <class T>
  void operator()(T* object) const noexcept {
    free_function(object);
  }
};

using PkeyPtr = std::unique_ptr<EVP_PKEY, FreeBy<EVP_PKEY_free>>;
using PkeyContextPtr = std::unique_ptr<EVP_PKEY_CTX, FreeBy<EVP_PKEY_CTX_free>>;
using DigestContextPtr = std::unique_ptr<EVP_MD_CTX, FreeBy<EVP_MD_CTX_free>>;
using MacPtr = std::unique_ptr<EVP_MAC, FreeBy<EVP_MAC_free>>;
using MacContextPtr = std::unique_ptr<EVP_MAC_CTX, FreeBy<EVP_MAC_CTX_free>>;
using BigNumberPtr = std::unique_ptr<BIGNUM, FreeBy<BN_clear_free>>;
using EcdsaSignaturePtr = std::unique_ptr<ECDSA_SIG, FreeBy<ECDSA_SIG_free>>;
using BioPtr = std::unique_ptr<BIO, FreeBy<BIO_free_all>>;
using ParamBuilderPtr = std::unique_ptr<OSSL_PARAM_BLD, FreeBy<OSSL_PARAM_BLD_free>>;
using ParamsPtr = std::unique_ptr<OSSL_PARAM, FreeBy<OSSL_PARAM_free>>;

// Forgets the errors that OpenSSL notes during its life: left behind, TLS on the same thread would take them for
// its own (SSL_get_error(3)).
class ErrorQueueMark {
 public:
  ErrorQueueMark() { ERR_set_mark(); }
  ErrorQueueMark(const ErrorQueueMark&) = delete;
  ErrorQueueMark& operator=(const ErrorQueueMark&) = delete;
  ~ErrorQueueMark() { ERR_pop_to_mark(); }
};

}  // namespace crier::auth
