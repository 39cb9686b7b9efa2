#include "broker/exposure.hpp"

#include <filesystem>
#include <system_error>

#include "broker/auth/file.hpp"
#include "broker/config/address.hpp"

namespace crier {

namespace {

bool everybody_reads(const std::string& file) {
  std::error_code fault;
  const auto status = std::filesystem::status(file, fault);
  return !fault && (status.permissions() & std::filesystem::perms::others_read) != std::filesystem::perms::none;
}

}  // namespace

std::vector<std::string> exposures(const config::Config& config, const std::string& file) {
  std::vector<std::string> found;
  const bool behind_proxy = config.server.proxy_protocol || !config.server.trusted_proxies.empty();
  for (const std::string& address : config.server.listen) {
    const auto place = config::parse_address(address);
    if (!place || place->loopback || config.tls.enabled() || behind_proxy || !config.auth.configured()) continue;
    found.push_back(address + " is without TLS: tokens and keys travel in the clear there. Set [tls], or put a proxy " +
                    "with TLS in front and list it in server.trusted_proxies");
  }
  const auto look_at = [&](const std::string& path, const std::string& what) {
    if (!path.empty() && everybody_reads(path)) {
      found.push_back(path + " holds " + what + " and may be read by everybody on this machine: chmod o-r");
    }
  };
  look_at(config.tls.private_key, "the private key of TLS");
  for (const config::TlsHost& host : config.tls.hosts) look_at(host.private_key, "the private key of " + host.name);
  // It may as well come from the environment.
  const std::string& secret = config.auth.jwt.secret;
  if (secret.empty() || file.empty()) return found;
  if (const auto text = auth::read_key_file(file); text && text->find(secret) != std::string::npos) {
    look_at(file, "auth.jwt.secret");
  }
  return found;
}

}  // namespace crier
