#include "clients/cpp/tls_context.hpp"

#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

#include "protocol/base/check.hpp"

namespace crier::client {

namespace {

constexpr unsigned char protocols[] = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};  // ALPN's wire form

// Why OpenSSL failed, in its words, or the system's. What it says first is nearest to the cause.
std::string reason() {
  const unsigned long error = ERR_peek_error();
  const char* const text = ERR_reason_error_string(error);
  ERR_clear_error();
  if (ERR_SYSTEM_ERROR(error)) return std::generic_category().message(ERR_GET_REASON(error));
  return text == nullptr ? "no reason given" : text;
}

// Without it OpenSSL would ask the terminal.
int no_password(char* /*into*/, int /*size*/, int /*writing*/, void* /*unused*/) {
  return -1;
}

std::optional<TlsFault> load_trust(SSL_CTX* context, const TlsOptions& options) {
  if (options.ca_file.empty()) {
    if (SSL_CTX_set_default_verify_paths(context) == 1) return std::nullopt;
    return TlsFault{"the system's store of certificates cannot be read: " + reason() + "; give tls.ca_file"};
  }
  if (SSL_CTX_load_verify_file(context, options.ca_file.c_str()) == 1) return std::nullopt;
  return TlsFault{"tls.ca_file: " + options.ca_file + " holds no certificate that can be read: " + reason()};
}

std::optional<TlsFault> load_identity(SSL_CTX* context, const TlsOptions& options) {
  if (options.certificate_file.empty() && options.private_key_file.empty()) return std::nullopt;
  if (options.certificate_file.empty() || options.private_key_file.empty()) {
    return TlsFault{"tls.certificate_file and tls.private_key_file belong together: give both, or none"};
  }
  if (SSL_CTX_use_certificate_chain_file(context, options.certificate_file.c_str()) != 1) {
    return TlsFault{"tls.certificate_file: " + options.certificate_file + " holds no certificate: " + reason()};
  }
  if (SSL_CTX_use_PrivateKey_file(context, options.private_key_file.c_str(), SSL_FILETYPE_PEM) != 1) {
    return TlsFault{"tls.private_key_file: " + options.private_key_file +
                    " holds no key of that certificate (keys with a password are not read): " + reason()};
  }
  return std::nullopt;
}

bool is_address(const std::string& host) {
  ASN1_OCTET_STRING* const address = a2i_IPADDRESS(host.c_str());
  ASN1_OCTET_STRING_free(address);
  if (address == nullptr) ERR_clear_error();
  return address != nullptr;
}

// What to do about a certificate that did not verify.
std::string_view advice(long verdict) {
  switch (verdict) {
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return "it is for another name: use the one it is for in the URL, or set tls.server_name";
    case X509_V_ERR_CERT_HAS_EXPIRED: return "it has expired: the broker needs a new one";
    case X509_V_ERR_CERT_NOT_YET_VALID: return "it is not valid yet: are both clocks right?";
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
      return "nobody trusted here has signed it: set tls.ca_file to the certificate of who did";
    default: return "ask who runs the broker";
  }
}

}  // namespace

TlsContext::TlsContext(const TlsOptions& options)
    : context_(SSL_CTX_new(TLS_client_method())), server_name_(options.server_name) {
  CRIER_ASSERT(context_ != nullptr);
  SSL_CTX* const context = context_.get();
  CRIER_ASSERT(SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1);
  // SSL_CTX_set_alpn_protos is one of the few that answer 0 for success.
  CRIER_ASSERT(SSL_CTX_set_alpn_protos(context, protocols, sizeof protocols) == 0);
  SSL_CTX_set_default_passwd_cb(context, no_password);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_verify(context, options.verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
}

crier::Result<TlsContext, TlsFault> TlsContext::make(const TlsOptions& options) {
  const std::string& name = options.server_name;
  if (name.size() > TLSEXT_MAXLEN_host_name || name.find('\0') != std::string::npos) {
    return TlsFault{"tls.server_name: it is no host's name, which has at most 255 bytes"};
  }
  TlsContext made(options);
  if (options.verify) {
    if (auto fault = load_trust(made.context_.get(), options)) return std::move(*fault);
  }
  if (auto fault = load_identity(made.context_.get(), options)) return std::move(*fault);
  return made;
}

SslPtr TlsContext::new_session(const std::string& host) const {
  SslPtr session(SSL_new(context_.get()));
  CRIER_ASSERT(session != nullptr);
  const std::string& name = server_name_.empty() ? host : server_name_;
  X509_VERIFY_PARAM* const parameters = SSL_get0_param(session.get());
  if (is_address(name)) {
    CRIER_ASSERT(X509_VERIFY_PARAM_set1_ip_asc(parameters, name.c_str()) == 1);
  } else {
    X509_VERIFY_PARAM_set_hostflags(parameters, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    CRIER_ASSERT(X509_VERIFY_PARAM_set1_host(parameters, name.data(), name.size()) == 1);
    CRIER_ASSERT(SSL_set_tlsext_host_name(session.get(), name.c_str()) == 1);  // RFC 6066 3: names only
  }
  return session;
}

std::string describe_tls_failure(SSL* session, unsigned long error, const std::string& words) {
  const long verdict = SSL_get_verify_result(session);
  const bool verified = (SSL_get_verify_mode(session) & SSL_VERIFY_PEER) != 0;
  if (verified && verdict != X509_V_OK) {
    return std::string("the certificate does not verify (") + X509_verify_cert_error_string(verdict) +
           "): " + std::string(advice(verdict));
  }
  const char* const reason_words = error == 0 ? nullptr : ERR_reason_error_string(error);
  const std::string told = reason_words == nullptr ? words : reason_words;
  if (ERR_GET_REASON(error) == SSL_R_WRONG_VERSION_NUMBER) {
    return "no TLS is spoken there (" + told + "): use ws:// instead of wss://, or another port";
  }
  return "the TLS handshake failed: " + told;
}

}  // namespace crier::client
