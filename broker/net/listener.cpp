#include "broker/net/listener.hpp"

#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <string_view>
#include <utility>

#include "broker/net/client_address.hpp"
#include "broker/net/peer_address.hpp"
#include "broker/runtime/log_site.hpp"

namespace crier::net {

namespace {

constexpr int accepted_at_once_max = 64;  // so that a storm of connects does not starve what runs beside
constexpr int backlog = 4096;
constexpr std::string_view unix_scheme = "unix:";
constexpr std::size_t unread_bytes_max = 64 * 1024;  // of one that is turned away; requests are smaller
constexpr std::chrono::milliseconds pause_without_descriptors{100};

}  // namespace

Result<asio::ip::tcp::endpoint, std::string> resolve(const std::string& address) {
  const std::size_t colon = address.rfind(':');
  if (colon == std::string::npos) return "address without a port: " + address;
  std::string host = address.substr(0, colon);
  std::uint16_t port = 0;
  const char* const end = address.data() + address.size();
  const auto parsed = std::from_chars(address.data() + colon + 1, end, port);
  if (parsed.ec != std::errc{} || parsed.ptr != end) return "no port number in " + address;
  if (host.size() > 2 && host.front() == '[') host = host.substr(1, host.size() - 2);
  if (host == "localhost") host = "127.0.0.1";
  asio::error_code error;
  const asio::ip::address ip = asio::ip::make_address(host, error);
  if (error) return "no IP address: " + host;
  return asio::ip::tcp::endpoint(ip, port);
}

Result<asio::ip::tcp::acceptor, std::string> open_acceptor(asio::io_context& context, const std::string& address,
                                                           InheritedSockets& inherited) {
  const auto endpoint = resolve(address);
  if (!endpoint) return endpoint.error();
  asio::ip::tcp::acceptor acceptor(context);
  asio::error_code error;
  if (const auto descriptor = inherited.take(address)) {
    acceptor.assign(endpoint->protocol(), *descriptor, error);
    if (error) ::close(*descriptor);
    if (error) return "cannot use the socket that was passed on for " + address + ": " + error.message();
    return acceptor;
  }
  acceptor.open(endpoint->protocol(), error);
  if (!error) acceptor.set_option(asio::socket_base::reuse_address(true), error);
  if (!error) acceptor.bind(*endpoint, error);
  if (!error) acceptor.listen(backlog, error);
  if (!error) acceptor.non_blocking(true, error);
  if (error) return "cannot listen on " + address + ": " + error.message();
  return acceptor;
}

std::string text_of(const asio::ip::tcp::endpoint& endpoint) {
  const std::string host = endpoint.address().to_string();
  return (endpoint.address().is_v6() ? "[" + host + "]" : host) + ":" + std::to_string(endpoint.port());
}

Result<std::unique_ptr<Listener>, std::string> Listener::open(asio::io_context& context, const std::string& address,
                                                              InheritedSockets& inherited,
                                                              const std::vector<std::unique_ptr<Worker>>& workers,
                                                              Settings settings) {
  if (address.starts_with(unix_scheme)) {
    settings.opening.tls = nullptr;
    if (const auto descriptor = inherited.take(address)) {
      return std::unique_ptr<Listener>(new Listener(context, *descriptor, address, workers, std::move(settings)));
    }
    auto file = UnixSocket::listen(address.substr(unix_scheme.size()), backlog);
    if (!file) return file.error();
    std::unique_ptr<Listener> listener(new Listener(context, file->release(), address, workers, std::move(settings)));
    listener->file_ = std::move(*file);
    return listener;
  }
  auto acceptor = open_acceptor(context, address, inherited);
  if (!acceptor) return acceptor.error();
  const std::string bound = text_of(acceptor->local_endpoint());
  return std::unique_ptr<Listener>(new Listener(context, acceptor->release(), bound, workers, std::move(settings)));
}

Listener::Listener(asio::io_context& context, int descriptor, std::string address,
                   const std::vector<std::unique_ptr<Worker>>& workers, Settings settings)
    : acceptor_(context, descriptor),
      address_(std::move(address)),
      unix_(address_.starts_with(unix_scheme)),
      pause_(context),
      workers_(workers),
      accepted_(workers.size()),
      settings_(std::move(settings)) {}

void Listener::start() {
  wait();
}

void Listener::stop() {
  asio::error_code ignored;  // closing is all that is left to do
  acceptor_.close(ignored);
  pause_.cancel();
  file_.reset();
}

void Listener::pause() {
  paused_ = true;
}

void Listener::resume() {
  paused_ = false;
  accept_ready();  // what readiness announced meanwhile was passed over
}

void Listener::share() noexcept {
  if (file_) file_->leave();
}

std::string Listener::url() const {
  return unix_ ? address_ : (secure() ? "https://" : "http://") + address_ + "/";
}

void Listener::set_tls(std::shared_ptr<const TlsContexts> contexts) {
  if (!unix_) settings_.opening.tls = std::move(contexts);
}

void Listener::wait() {
  if (std::exchange(waiting_, true)) return;
  acceptor_.async_wait(asio::posix::stream_descriptor::wait_read, [this](const asio::error_code& error) {
    waiting_ = false;
    if (!error) accept_ready();
  });
}

void Listener::accept_ready() {
  if (paused_) return;
  bool out_of_descriptors = false;
  for (int accepted = 0; accepted < accepted_at_once_max; ++accepted) {
    sockaddr_storage peer{};
    socklen_t bytes = sizeof(peer);
    const int descriptor =
        ::accept4(acceptor_.native_handle(), reinterpret_cast<sockaddr*>(&peer), &bytes, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (descriptor >= 0) {
      take_in(descriptor, peer);
      continue;
    }
    out_of_descriptors = errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM;
    if (out_of_descriptors || errno == EAGAIN || errno == EWOULDBLOCK) break;
    // ECONNABORTED and the like: that peer is gone, the next may be there.
  }
  deal_out();
  if (!out_of_descriptors) {
    out_of_descriptors_ = false;
    return wait();
  }
  if (!std::exchange(out_of_descriptors_, true)) {
    runtime::log(runtime::LogLevel::warn,
                 "no more file descriptors: new connections wait. Raise their limit (ulimit -n), or set "
                 "limits.connections_max below it",
                 {{"listener", address_}});
  }
  // Whoever waits stays in the backlog until a descriptor is free.
  pause_.expires_after(pause_without_descriptors);
  pause_.async_wait([this](const asio::error_code& error) {
    if (!error) wait();
  });
}

// What this round has brought: one wake-up a loop.
void Listener::deal_out() {
  for (std::size_t at = 0; at < accepted_.size(); ++at) {
    if (accepted_[at].empty()) continue;
    workers_[at]->adopt(std::move(accepted_[at]), settings_.opening);
    accepted_[at] = {};
  }
  for (std::size_t at = 0; at < turned_away_.size(); ++at) {
    if (turned_away_[at] > 0) workers_.front()->count_turned_away(static_cast<NoRoom>(at), turned_away_[at]);
    turned_away_[at] = 0;
  }
}

// To the loop with the fewest, or out. Cheapest first: in a storm most are for the first rule.
void Listener::take_in(int descriptor, const sockaddr_storage& peer) {
  if (!settings_.gate->take_connect(steady_ns() / 1'000'000))
    return turn_away(descriptor, NoRoom::connects_per_second, peer);
  std::size_t connections = 0;
  std::size_t least = 0;
  for (std::size_t at = 0; at < workers_.size(); ++at) {
    connections += workers_[at]->connection_count();
    if (workers_[at]->connection_count() < workers_[least]->connection_count()) least = at;
  }
  if (connections >= settings_.connections_max) return turn_away(descriptor, NoRoom::connections, peer);
  const AddressKey address = counted_as(peer);
  if (!settings_.gate->enter(address)) return turn_away(descriptor, NoRoom::connections_per_ip, peer);
  const int on = 1;
  if (!unix_)
    ::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));  // fails only for a peer that is gone
  workers_[least]->reserve_connection();
  accepted_[least].push_back({descriptor, address});
}

// Behind a proxy the address is many clients'. Whose connection it is, a PROXY header or a request will say.
AddressKey Listener::counted_as(const sockaddr_storage& peer) const {
  if (unix_ || settings_.opening.proxy_header) return AddressKey::none;
  const std::string address = text_of(peer);
  return is_trusted_proxy(address, settings_.trusted_proxies) ? AddressKey::none : address_key(address);
}

// The answer must cost nothing: one send into an empty socket buffer, and the end. Who expects TLS would take it for
// garbage; a handshake is what there is no room for.
void Listener::turn_away(int descriptor, NoRoom why, const sockaddr_storage& peer) {
  ++turned_away_.at(static_cast<std::size_t>(why));
  if (runtime::LogSite& site = runtime::log_sites().turned_away; site.admits()) {
    site.write({{"reason", std::string(reason_of(why))}, {"client", text_of(peer)}, {"listener", address_}});
  }
  if (secure()) {
    ::close(descriptor);
    return;
  }
  const std::string text = answer_of(why);
  static_cast<void>(::send(descriptor, text.data(), text.size(), MSG_NOSIGNAL));  // best effort by design
  // To close above a request that is unread would be a reset, which may take the answer with it.
  static_cast<void>(::recv(descriptor, nullptr, unread_bytes_max, MSG_TRUNC | MSG_DONTWAIT));
  ::shutdown(descriptor, SHUT_WR);
  ::close(descriptor);
}

}  // namespace crier::net
