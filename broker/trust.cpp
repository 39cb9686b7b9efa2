#include "broker/trust.hpp"

#include <utility>

#include "broker/exposure.hpp"
#include "broker/runtime/log.hpp"

namespace crier {

Result<Trust, std::vector<std::string>> Trust::read(const config::Config& config) {
  Trust trust;
  std::vector<std::string> faults;
  auto authenticator = auth::Authenticator::make(config.auth);
  if (authenticator) {
    trust.authenticator = std::move(*authenticator);
  } else {
    faults = std::move(authenticator.error());
  }
  if (config.tls.enabled()) {
    auto tls = net::TlsContexts::make(config.tls);
    if (tls) {
      trust.tls = std::move(*tls);
    } else {
      for (std::string& fault : tls.error()) faults.push_back(std::move(fault));
    }
  }
  if (!faults.empty()) return faults;
  return trust;
}

void Trust::tell_remarks(const config::Config& config, const std::string& file) const {
  for (const std::string& remark : authenticator->remarks()) {
    runtime::log(runtime::LogLevel::warn, "a key file is not used wholly", {{"remark", remark}});
  }
  for (const std::string& exposure : exposures(config, file)) {
    runtime::log(runtime::LogLevel::warn, "a secret is exposed", {{"exposure", exposure}});
  }
}

}  // namespace crier
