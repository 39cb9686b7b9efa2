// What a connection has beside the ordinary: behind one pointer, because most have nothing of it, and are many.
// Private to connection*.cpp.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "broker/net/connection.hpp"
#include "broker/net/tls_handshake_queue.hpp"
#include "broker/net/tls_stream.hpp"
#include "protocol/proxy/header_parser.hpp"

namespace crier::net {

// Until it carries HTTP.
struct Connection::Beginning {
  enum class Stage : std::uint8_t {
    proxy_header,  // one is being read
    silent,        // the client has to begin a handshake: until it does, it takes no place in the queue
    handshake,     // in the queue
  };
  Stage stage = Stage::silent;
  std::string header;
  std::shared_ptr<const TlsContexts> contexts;
  HandshakeQueue::Place place;
};

struct Connection::Extra {
  std::unique_ptr<Beginning> beginning;
  std::unique_ptr<TlsStream> tls;  // from the first step of the handshake on
  std::string rest;                // input that arrived before reading was paused
  proxy::Source source;            // as a PROXY header told it
  std::string client;              // as X-Forwarded-For told it; "": as the socket or the header did
};

}  // namespace crier::net
