#include "clients/cli/bench/target.hpp"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/un.h>

#include <cstring>
#include <memory>
#include <vector>

#include "clients/cli/bench/stream.hpp"
#include "clients/cli/exit_code.hpp"

namespace crier::cli::benchmark {

namespace {

constexpr std::uint32_t connections_per_source = 20'000;

struct AddressesFree {
  void operator()(addrinfo* list) const noexcept { ::freeaddrinfo(list); }
};

Failure unreachable(std::string text) {
  return {exit_unreachable, std::move(text)};
}

Address unix_address(const std::string& path) {
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  path.copy(to.sun_path, sizeof to.sun_path - 1);
  Address address;
  std::memcpy(&address.bytes, &to, sizeof to);
  address.size = sizeof to;
  return address;
}

Result<std::vector<Address>, Failure> addresses_of(const client::Url& url) {
  if (!url.unix_path.empty()) return std::vector{unix_address(url.unix_path)};
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int fault = ::getaddrinfo(url.host.c_str(), std::to_string(url.port).c_str(), &hints, &found);
  if (fault != 0) {
    return unreachable("the host " + printable(url.host) + " was not found: " + std::string(::gai_strerror(fault)));
  }
  const std::unique_ptr<addrinfo, AddressesFree> list(found);
  std::vector<Address> addresses;
  for (const addrinfo* one = list.get(); one != nullptr; one = one->ai_next) {
    Address address;
    std::memcpy(&address.bytes, one->ai_addr, one->ai_addrlen);
    address.size = one->ai_addrlen;
    addresses.push_back(address);
  }
  return addresses;
}

// "": somebody accepts there.
std::string why_not(const Address& address, std::chrono::milliseconds timeout) {
  Stream stream;
  if (!stream.connect(address.get(), address.size, nullptr, 0)) return stream.failure();
  pollfd wait{stream.fd(), POLLOUT, 0};
  if (::poll(&wait, 1, static_cast<int>(timeout.count())) == 0) {
    return "no answer within " + std::to_string(timeout.count()) + " ms";
  }
  return stream.finish_connect() ? "" : stream.failure();
}

// The first address that somebody listens at: "localhost" is often two, of which one has nobody. An only one is not
// tried, since the broker would count that connection too.
Result<Address, Failure> choose_address(const client::Url& url, std::chrono::milliseconds timeout) {
  const auto addresses = addresses_of(url);
  if (!addresses) return addresses.error();
  if (addresses->size() == 1) return addresses->front();
  std::string reason;
  for (const Address& address : *addresses) {
    reason = why_not(address, timeout);
    if (reason.empty()) return address;
  }
  return unreachable(url.text() + ": " + reason + std::string(nobody_there));
}

}  // namespace

std::optional<Address> Target::source_of(std::uint32_t connection) const {
  const std::uint32_t source = connection / connections_per_source;
  if (source == 0 || address.bytes.ss_family != AF_INET) return std::nullopt;
  sockaddr_in to{};
  std::memcpy(&to, &address.bytes, sizeof to);
  if (ntohl(to.sin_addr.s_addr) >> 24U != IN_LOOPBACKNET) return std::nullopt;
  sockaddr_in from{};
  from.sin_family = AF_INET;
  from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + source);
  Address made;
  std::memcpy(&made.bytes, &from, sizeof from);
  made.size = sizeof from;
  return made;
}

Result<Target, Failure> find_target(const Options& options) {
  Target target;
  auto url = client::parse_url(options.link.url);
  if (!url) return Failure{exit_usage, "the URL " + printable(options.link.url) + " " + url.error().detail};
  target.url = std::move(*url);
  if (target.url.tls) {
    client::TlsOptions tls;
    tls.verify = !options.link.insecure;
    tls.ca_file = options.link.ca_file;
    tls.certificate_file = options.link.cert_file;
    tls.private_key_file = options.link.client_key_file;
    auto context = client::TlsContext::make(tls);
    if (!context) return Failure{exit_usage, in_own_words(context.error().detail)};
    target.tls = std::move(*context);
  }
  if (!options.link.token.empty()) target.authorization = "Bearer " + options.link.token;
  auto address = choose_address(target.url, options.connect_timeout);
  if (!address) return std::move(address.error());
  target.address = *address;
  return target;
}

}  // namespace crier::cli::benchmark
