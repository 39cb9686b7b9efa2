#include "broker/net/tls_context.hpp"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>

#include <array>
#include <optional>

#include "broker/auth/digest.hpp"
#include "broker/auth/file.hpp"
#include "broker/auth/openssl_handles.hpp"
#include "broker/runtime/log.hpp"
#include "protocol/base/check.hpp"
#include "protocol/http/request.hpp"

namespace crier::net {

namespace {

// Forward secret and authenticated, in TLS 1.2 too; 1.3 has nothing else. All of them are good, so that the client's
// order counts: a phone without AES in hardware puts ChaCha20 first.
constexpr const char* ciphers = "ECDHE+AESGCM:ECDHE+CHACHA20";
// Finite-field groups are left out: a client may ask for them, and they cost the server a hundred times as much.
constexpr const char* groups = "X25519:P-256:P-384";
constexpr std::string_view http_1_1 = "http/1.1";

// Tickets outlive a reload, as whoever holds one would else pay for a whole handshake; not the process.
struct TicketKeys {
  std::array<unsigned char, 80> bytes{};  // OpenSSL's: 16 of a name, 32 and 32 of keys
  TicketKeys() { CRIER_ASSERT(RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) == 1); }
};

TicketKeys& ticket_keys() {
  static TicketKeys keys;
  return keys;
}

// Why OpenSSL failed, in its words.
std::string reason() {
  const char* const text = ERR_reason_error_string(ERR_peek_last_error());
  ERR_clear_error();
  return text == nullptr ? "no reason given" : text;
}

int choose_protocol(SSL* /*session*/, const unsigned char** chosen, unsigned char* chosen_bytes,
                    const unsigned char* offered, unsigned int offered_bytes, void* /*unused*/) {
  const std::string_view list(reinterpret_cast<const char*>(offered), offered_bytes);
  for (std::size_t at = 0; at < list.size();) {
    const auto bytes = static_cast<unsigned char>(list[at]);
    if (list.substr(at + 1, bytes) == http_1_1) {
      *chosen = offered + at + 1;
      *chosen_bytes = bytes;
      return SSL_TLSEXT_ERR_OK;
    }
    at += 1U + bytes;
  }
  return SSL_TLSEXT_ERR_ALERT_FATAL;  // RFC 7301 3.2: no_application_protocol
}

// Notes that it was asked, and has no answer: without it OpenSSL would ask the terminal.
int no_password(char* /*into*/, int /*size*/, int /*writing*/, void* asked) {
  *static_cast<bool*>(asked) = true;
  return -1;
}

}  // namespace

bool tls_name_matches(std::string_view pattern, std::string_view name) {
  if (pattern.starts_with("*.")) {
    const std::size_t dot = name.find('.');
    if (dot == 0 || dot == std::string_view::npos) return false;
    pattern.remove_prefix(1);
    name.remove_prefix(dot);
  }
  return http::equals_ignoring_case(pattern, name);
}

// Collects everything that is wrong, so that an operator sees it at once.
class TlsContexts::Maker {
 public:
  explicit Maker(const config::Tls& tls) : tls_(tls) {}

  std::shared_ptr<const TlsContexts> make() {
    std::shared_ptr<TlsContexts> made(new TlsContexts);
    read_client_ca();
    made->first_ = context("tls", tls_.certificate, tls_.private_key);
    SSL_CTX_set_tlsext_servername_callback(made->first_.get(), &TlsContexts::choose_by_name);
    SSL_CTX_set_tlsext_servername_arg(made->first_.get(), made.get());
    for (const config::TlsHost& host : tls_.hosts) {
      made->by_name_.emplace_back(host.name, context("tls.host", host.certificate, host.private_key));
    }
    return made;
  }

  std::vector<std::string> faults;

 private:
  void fault(const std::string& key, const std::string& path, const std::string& what) {
    faults.push_back(key + ": " + path + ": " + what);
  }

  // Nothing when there is nothing to be read.
  std::optional<std::string> text_of(const std::string& key, const std::string& path) {
    auto text = auth::read_key_file(path);
    if (text) return std::move(*text);
    fault(key, path, text.error().what);
    return std::nullopt;
  }
  bool can_read(const std::string& key, const std::string& path) { return text_of(key, path).has_value(); }

  void read_client_ca() {
    // A session that was opened under another authority must not be resumed under this one, with its certificate
    // unseen: so what it belongs to is a digest of the file.
    std::string text = "crier";
    if (!tls_.client_ca.empty()) {
      const auto authority = text_of("tls.client_ca", tls_.client_ca);
      client_ca_faulty_ = !authority;
      text += authority.value_or("");
    }
    belongs_to_ = auth::sha256_of(text);
  }

  TlsContextPtr context(const std::string& key, const std::string& certificate, const std::string& private_key) {
    TlsContextPtr made(SSL_CTX_new(TLS_server_method()));
    CRIER_ASSERT(made != nullptr);
    set_rules(made.get());
    add_certificate(made.get(), key, certificate, private_key);
    ERR_clear_error();
    return made;
  }

  void set_rules(SSL_CTX* context) {
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    // A peer that closes its socket without saying so in TLS ends like one that does. Somebody on the way could cut a
    // stream short so; but HTTP bodies, WebSocket frames and commands carry their own length: what was cut is seen as
    // such, and what came whole is whole.
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_IGNORE_UNEXPECTED_EOF);
    // Idle connections hold no buffers; a record is sent when it is whole, and what is not sent yet may move.
    SSL_CTX_set_mode(context,
                     SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_read_ahead(context, 1);  // one system call for a record's head and body
    CRIER_ASSERT(SSL_CTX_set_cipher_list(context, ciphers) == 1);
    CRIER_ASSERT(SSL_CTX_set1_groups_list(context, groups) == 1);
    SSL_CTX_set_alpn_select_cb(context, choose_protocol, nullptr);
    // Resumption is by tickets alone: the server remembers nothing.
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    auto& keys = ticket_keys().bytes;
    CRIER_ASSERT(SSL_CTX_set_tlsext_ticket_keys(context, keys.data(), keys.size()) == 1);
    CRIER_ASSERT(SSL_CTX_set_session_id_context(context, belongs_to_.data(), std::tuple_size_v<auth::Sha256>) == 1);
    if (!tls_.client_ca.empty()) demand_certificates(context);
  }

  void demand_certificates(SSL_CTX* context) {
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    if (client_ca_faulty_) return;
    STACK_OF(X509_NAME)* const names = SSL_load_client_CA_file(tls_.client_ca.c_str());
    if (names == nullptr || SSL_CTX_load_verify_file(context, tls_.client_ca.c_str()) != 1) {
      sk_X509_NAME_pop_free(names, X509_NAME_free);
      client_ca_faulty_ = true;
      return fault("tls.client_ca", tls_.client_ca, "holds no certificates in PEM form (" + reason() + ")");
    }
    SSL_CTX_set_client_CA_list(context, names);
  }

  void add_certificate(SSL_CTX* context, const std::string& key, const std::string& certificate,
                       const std::string& private_key) {
    if (!can_read(key + ".certificate", certificate)) return;
    if (SSL_CTX_use_certificate_chain_file(context, certificate.c_str()) != 1) {
      return fault(key + ".certificate", certificate, "cannot be used as a chain in PEM form: " + reason());
    }
    warn_of_time(SSL_CTX_get0_certificate(context), key + ".certificate", certificate);
    const auth::PkeyPtr read = read_key(key + ".private_key", private_key);
    if (read == nullptr) return;
    if (SSL_CTX_use_PrivateKey(context, read.get()) != 1 || SSL_CTX_check_private_key(context) != 1) {
      ERR_clear_error();
      fault(key + ".private_key", private_key, "is not the key of the certificate " + certificate);
    }
  }

  auth::PkeyPtr read_key(const std::string& key, const std::string& path) {
    if (!can_read(key, path)) return nullptr;
    const auth::BioPtr file(BIO_new_file(path.c_str(), "r"));
    bool encrypted = false;
    auth::PkeyPtr read(PEM_read_bio_PrivateKey(file.get(), nullptr, no_password, &encrypted));
    if (read != nullptr) return read;
    const std::string why = reason();
    fault(key, path,
          encrypted
              ? "is encrypted, and there is nobody to ask for its password: keep it in the clear, readable by the "
                "broker alone (openssl pkey -in ... -out ...)"
              : "holds no private key in PEM form (" + why + ")");
    return nullptr;
  }

  static void warn_of_time(const X509* certificate, const std::string& key, const std::string& path) {
    const char* what = nullptr;
    if (X509_cmp_current_time(X509_get0_notAfter(certificate)) < 0) what = "has expired: clients will refuse it";
    if (X509_cmp_current_time(X509_get0_notBefore(certificate)) > 0) what = "is not valid yet: clients will refuse it";
    if (what == nullptr) return;
    runtime::log(runtime::LogLevel::warn, "a TLS certificate is out of its time",
                 {{"key", key}, {"file", path}, {"what", what}});
  }

  const config::Tls& tls_;
  bool client_ca_faulty_ = false;  // told once, not for every certificate
  auth::Sha256 belongs_to_{};
};

Result<std::shared_ptr<const TlsContexts>, std::vector<std::string>> TlsContexts::make(const config::Tls& tls) {
  CRIER_ASSERT(tls.enabled());
  ERR_clear_error();
  Maker maker(tls);
  auto made = maker.make();
  if (!maker.faults.empty()) return std::move(maker.faults);
  return made;
}

TlsSessionPtr TlsContexts::new_session() const {
  TlsSessionPtr session(SSL_new(first_.get()));
  if (session != nullptr) SSL_set_accept_state(session.get());
  return session;
}

int TlsContexts::choose_by_name(SSL* session, int* /*alert*/, void* self) {
  const char* const name = SSL_get_servername(session, TLSEXT_NAMETYPE_host_name);
  if (name == nullptr) return SSL_TLSEXT_ERR_OK;
  for (const auto& [pattern, context] : static_cast<const TlsContexts*>(self)->by_name_) {
    if (!tls_name_matches(pattern, name)) continue;
    SSL_set_SSL_CTX(session, context.get());
    break;
  }
  return SSL_TLSEXT_ERR_OK;
}

}  // namespace crier::net
