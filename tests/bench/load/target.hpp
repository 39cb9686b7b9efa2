// A target file says how to reach one server, how to subscribe there and how to publish: `key = value` lines,
// `#` comments. README.md lists the keys.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/bench/load/frame_template.hpp"

namespace crier::bench {

// One step of the dialogue after the upgrade: a frame to send, or bytes to wait for.
struct Step {
  enum class Kind : std::uint8_t { send, wait };
  Kind kind;
  FrameTemplate what;
};

struct Target {
  std::string name;
  std::string host = "127.0.0.1";
  int port = 0;
  bool tls = false;
  std::string subprotocol;
  std::vector<std::string> headers;
  FrameTemplate path = FrameTemplate::text("/");
  FrameTemplate pub_path;

  std::vector<Step> login;      // of every connection
  std::vector<Step> subscribe;  // of subscribers, after the login

  FrameTemplate publish;  // the frame of a WebSocket publisher
  bool pub_http = false;
  std::string http_method = "POST";
  FrameTemplate http_path;
  FrameTemplate http_body = FrameTemplate::text("{payload}");
  std::vector<std::string> http_headers;
  int http_pipeline = 1;  // requests outstanding on one connection

  std::string ping;  // the application's own: a whole frame, or with ping_suffix the end of one
  bool ping_suffix = false;
  FrameTemplate pong;
  int settle_ms = 0;  // to wait after subscribing, where the server acknowledges nothing

  // Ends the process with a message on a bad file.
  static Target load(const std::string& file);
};

}  // namespace crier::bench
