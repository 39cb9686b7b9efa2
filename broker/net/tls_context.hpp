// What TLS handshakes are made with: certificates by name, versions, ciphers, who may connect.
//
// Immutable once made, so that any number of loops may share one; a reload makes another, and connections keep the
// one that they began with. TLS is spoken on TCP listeners alone: who reaches a socket in the file system is on this
// machine, and its permissions say who may.
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/config/config.hpp"
#include "protocol/base/result.hpp"

namespace crier::net {

struct TlsFree {
  void operator()(SSL_CTX* context) const noexcept { SSL_CTX_free(context); }
  void operator()(SSL* session) const noexcept { SSL_free(session); }
};
using TlsContextPtr = std::unique_ptr<SSL_CTX, TlsFree>;
using TlsSessionPtr = std::unique_ptr<SSL, TlsFree>;

class TlsContexts {
 public:
  // Reads every file that `tls` names. The errors are sentences, each of which begins with its key
  // ("tls.certificate: /etc/crier/chain.pem: ..."); a certificate out of its time is only a warning, in the log.
  [[nodiscard]] static Result<std::shared_ptr<const TlsContexts>, std::vector<std::string>> make(
      const config::Tls& tls);
  TlsContexts(const TlsContexts&) = delete;
  TlsContexts& operator=(const TlsContexts&) = delete;

  // Any thread. A session of the server's side; it refers to this object as long as its handshake lasts.
  [[nodiscard]] TlsSessionPtr new_session() const;

 private:
  class Maker;
  TlsContexts() = default;
  static int choose_by_name(SSL* session, int* alert, void* self);

  TlsContextPtr first_;                                         // for who names no host, or none of ours
  std::vector<std::pair<std::string, TlsContextPtr>> by_name_;  // "*.example.com" is one label more
};

// Does `name`, as a client sent it, fall under `pattern`? Letters count alike in both cases; a leading "*." stands
// for exactly one label.
[[nodiscard]] bool tls_name_matches(std::string_view pattern, std::string_view name);

}  // namespace crier::net
