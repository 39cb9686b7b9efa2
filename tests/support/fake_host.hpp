// A connection without a socket, and sessions of all kinds on shards without loops.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "broker/session/http_session.hpp"
#include "broker/session/websocket_session.hpp"
#include "protocol/base/check.hpp"
#include "tests/support/fake_authenticator.hpp"
#include "tests/support/fake_world.hpp"
#include "tests/support/server_frames.hpp"

namespace crier::testing {

class FakeHost final : public session::Host {
 public:
  void want_flush() override { flush_wanted = true; }
  void pause_reading() override {
    CRIER_ASSERT(!paused);
    paused = true;
    ++pauses;
  }
  void resume_reading() override {
    CRIER_ASSERT(paused);
    paused = false;
  }

  // As a flush to a socket that takes at most `room` bytes; what it took is in `sent`.
  void flush(std::size_t room = static_cast<std::size_t>(-1)) {
    flush_wanted = false;
    while (room > 0 && !outbox_.empty()) {
      std::array<std::string_view, 4> pieces;
      std::size_t taken = 0;
      for (std::size_t at = 0, count = outbox_.gather(pieces); at < count && room > 0; ++at) {
        const std::string_view piece = pieces[at].substr(0, room);
        sent += piece;
        taken += piece.size();
        room -= piece.size();
      }
      outbox_.consume(taken);
    }
    outbox_.retain();
  }
  // The text messages since the last call.
  std::vector<std::string> take_texts() {
    flush();
    std::vector<std::string> texts = read_texts(sent);
    sent.clear();
    return texts;
  }

  std::string sent;
  bool flush_wanted = false;
  bool paused = false;
  int pauses = 0;
};

// What all sessions of one shard share, as a loop has it.
struct FakeLoop {
  FakeLoop(FakeWorld& world, std::size_t shard)
      : environment{world.config(), world.shard(shard), world.metrics(shard), parser, cbor} {
    environment.authenticator = std::make_shared<FakeAuthenticator>();
  }
  command::JsonCommandParser parser;
  command::CborTranscoder cbor;
  session::Environment environment;
};

// A client with a WebSocket.
class FakeClient {
 public:
  FakeClient(FakeLoop& loop, std::uint64_t name, hub::WireForm form = hub::WireForm::json)
      : id_{name, ~name},
        shard_(loop.environment.shard),
        session_(std::make_unique<session::WebSocketSession>(loop.environment, host, id_, form)) {}

  void say(std::string_view text) { session_->on_text(text); }
  void say_cbor(std::string_view bytes) { session_->on_cbor(bytes); }
  void start(const std::vector<std::string>& channels, session::PrincipalPtr principal = nullptr) {
    std::vector<session::ChannelAtConnect> at_connect;
    for (const std::string& channel : channels) at_connect.push_back({channel, std::nullopt});
    session_->start(at_connect, std::move(principal));
  }
  // As a connection that writes what its socket takes and then tells the session how much waits. False: too
  // much does, and the connection is to end.
  [[nodiscard]] bool flush(std::size_t room = static_cast<std::size_t>(-1)) {
    host.flush(room);
    return session_->on_waiting(host.outbox().bytes());
  }
  // As a lost connection.
  void die() {
    session_.reset();
    host.outbox().clear();
  }
  [[nodiscard]] session::WebSocketSession& session() { return *session_; }
  [[nodiscard]] bool dead() const { return !session_; }
  [[nodiscard]] std::string id() const { return id_.text(); }
  [[nodiscard]] hub::ChunkPool& chunks() { return shard_.chunks(); }

  FakeHost host;

 private:
  hub::SessionId id_;
  hub::Shard& shard_;
  std::unique_ptr<session::WebSocketSession> session_;
};

}  // namespace crier::testing
