// A connection that carries a stream of server-sent events: it only talks. Thread: its loop's.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

#include "broker/net/connection.hpp"
#include "broker/net/stream_request.hpp"
#include "broker/net/transport.hpp"
#include "broker/session/sse_session.hpp"

namespace crier::net {

class SseTransport final : public Transport {
 public:
  // The answer's head is in the outbox.
  SseTransport(Connection& connection, StreamRequest request, session::PrincipalPtr principal);
  ~SseTransport() override;

  // What a peer says behind its request is nobody's; reading goes on to see its end.
  [[nodiscard]] std::unique_ptr<Transport> on_bytes(std::span<char>& bytes) override;
  void on_peer_finished() override;
  void on_deadline(runtime::Tick now) override;
  [[nodiscard]] bool on_waiting(std::size_t bytes) override;
  void on_reload() override;
  void on_woken(runtime::Tick now) override { on_deadline(now); }
  void on_overflow() override;
  void on_drain(std::chrono::milliseconds in) override;
  [[nodiscard]] bool on_handed_over() override;
  void on_shutdown() override;
  [[nodiscard]] Ending ending() const override { return ending_; }

 private:
  void end(runtime::CloseReason reason, std::string_view detail = {});
  void arm_deadline(runtime::Tick now);

  Connection& connection_;
  Ending ending_{runtime::CloseReason::normal};
  runtime::Tick comment_at_ = 0;
  std::optional<session::SseSession> session_;
};

}  // namespace crier::net
