// What the configuration's files hold: keys that prove who clients are, and certificates that prove who we are.
// Read at start, and anew at each reload.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "broker/auth/authenticator.hpp"
#include "broker/config/config.hpp"
#include "broker/net/tls_context.hpp"
#include "protocol/base/result.hpp"

namespace crier {

struct Trust {
  std::shared_ptr<const auth::Authenticator> authenticator;
  std::shared_ptr<const net::TlsContexts> tls;  // null: none

  // Every fault of every file, a sentence each.
  [[nodiscard]] static Result<Trust, std::vector<std::string>> read(const config::Config& config);
  // Into the log, what is no fault and yet worth knowing: a key that was left out, say.
  void tell_remarks(const config::Config& config, const std::string& file) const;
};

}  // namespace crier
