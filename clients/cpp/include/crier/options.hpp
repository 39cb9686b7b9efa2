// How a client connects. Everything has a default but the place of the broker.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <crier/result.hpp>

namespace crier::client {

// Why a token is asked for.
enum class TokenReason : std::uint8_t {
  first,     // none was asked for yet
  expiring,  // the one in use ends soon, and the connection goes on with the next one
  refused,   // the broker says that it is not good, or over
};
// Gives the token, or says why there is none. May be called at once or later, once, from any thread.
using TokenReply = std::function<void(Result<std::string>)>;
using TokenSource = std::function<void(TokenReason reason, TokenReply reply)>;

struct TlsOptions {
  bool verify = true;              // false: anybody may be the broker. For tests on one machine only
  std::string ca_file{};           // PEM, in place of the system's store
  std::string server_name{};       // who the certificate must be for; "": the URL's host
  std::string certificate_file{};  // of this client, where the broker asks for one (tls.client_ca): a PEM chain
  std::string private_key_file{};
};

// Full jitter: the n-th attempt waits a random time of at most initial * 2^n, and never more than max.
struct Backoff {
  std::chrono::milliseconds initial{500};
  std::chrono::milliseconds max{20'000};
};

// What becomes of publishes while there is no connection.
enum class Offline : std::uint8_t {
  queue,   // they wait in the outbox, which is bounded, for at most command_timeout
  refuse,  // `offline`
};

struct Options {
  std::string url{};           // ws://, wss://, http://, https:// or unix:/path; the path is /message where it has none
  std::string token{};         // a token or a service key
  TokenSource token_source{};  // instead of `token`: asked before connecting, and before a token is over
  TlsOptions tls{};
  Backoff backoff{};
  bool reconnect = true;     // false: the first failure is the end
  bool compression = false;  // messages may come compressed: less to receive, more to compute
  Offline offline = Offline::queue;

  // Bounds of memory. What waits to be sent, and what was sent and may have to be sent again:
  std::size_t outbox_bytes_max = std::size_t{4} * 1024 * 1024;
  // One message of the broker's; a larger one is the end of the connection and of the client:
  std::size_t incoming_bytes_max = std::size_t{4} * 1024 * 1024;
  std::size_t subscriptions_max = 10'000;

  std::chrono::milliseconds connect_timeout{10'000};    // from the first packet to `welcome`
  std::chrono::milliseconds command_timeout{30'000};    // from the call to the reply, over reconnects
  std::chrono::milliseconds heartbeat_timeout{10'000};  // until an answer to a ping, after which the link is dead
  std::chrono::milliseconds close_timeout{5'000};       // for what is still on its way at close()

  std::vector<std::pair<std::string, std::string>> headers{};  // more of them for the handshake: name, value
};

}  // namespace crier::client
