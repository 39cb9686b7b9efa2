// TLS as a client speaks it: 1.2 and 1.3, the broker's certificate verified, for the name that was meant.
#pragma once

#include <openssl/ssl.h>

#include <crier/options.hpp>
#include <memory>
#include <string>

#include "protocol/base/result.hpp"

namespace crier::client {

struct SslFree {
  void operator()(SSL* session) const noexcept { SSL_free(session); }
};
using SslPtr = std::unique_ptr<SSL, SslFree>;

// The rest of a sentence that begins with the file's name or "TLS": "tls.ca_file: cannot be read ...".
struct TlsFault {
  std::string detail;
};

// Never changes once it is made; sessions may be taken from it by any thread.
class TlsContext {
 public:
  [[nodiscard]] static crier::Result<TlsContext, TlsFault> make(const TlsOptions& options);

  // A client's session, ready for its handshake: it asks for `host` (SNI), and fails unless the certificate is for
  // TlsOptions::server_name, or for `host` where that is empty.
  [[nodiscard]] SslPtr new_session(const std::string& host) const;

 private:
  struct ContextFree {
    void operator()(SSL_CTX* context) const noexcept { SSL_CTX_free(context); }
  };

  explicit TlsContext(const TlsOptions& options);

  std::unique_ptr<SSL_CTX, ContextFree> context_;
  std::string server_name_;
};

// Why the handshake failed, as a sentence that says what to do. `error` is OpenSSL's (ERR_get_error), or 0 where it
// has none; `words` is what to say then: the socket's error.
[[nodiscard]] std::string describe_tls_failure(SSL* session, unsigned long error, const std::string& words);

}  // namespace crier::client
