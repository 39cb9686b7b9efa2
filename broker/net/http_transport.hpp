// A connection before its upgrade, and one that stays HTTP: commands by POST, the demo page, refusals.
//
// Requests may be pipelined, up to a depth; answers go out in order. Thread: its loop's.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "broker/net/admission.hpp"
#include "broker/net/connection.hpp"
#include "broker/net/transport.hpp"
#include "broker/session/http_session.hpp"
#include "protocol/http/request_parser.hpp"
#include "protocol/http/response_writer.hpp"

namespace crier::net {

class HttpTransport final : public Transport, private session::HttpSession::Listener {
 public:
  explicit HttpTransport(Connection& connection);
  ~HttpTransport() override;

  [[nodiscard]] std::unique_ptr<Transport> on_bytes(std::span<char>& bytes) override;
  void on_peer_finished() override;
  void on_deadline(runtime::Tick now) override;
  [[nodiscard]] bool on_waiting(std::size_t bytes) override;
  void on_overflow() override;
  [[nodiscard]] bool drops_on_overflow() const override { return false; }
  void on_drain(std::chrono::milliseconds /*in*/) override {
    on_shutdown();
  }  // clients open another for the next request
  void on_shutdown() override;
  void on_reload() override;
  void on_resumed() override;
  void on_drained() override;
  [[nodiscard]] Ending ending() const override {
    return {refused_ ? runtime::CloseReason::refused : runtime::CloseReason::http};
  }

 private:
  // An answer that is due, in its place. A posted one is empty until its outcome is there.
  struct Due {
    std::optional<http::Response> response;
    std::string request_id;
    std::string origin;  // allowed, to be named in CORS headers; "" for none
    bool close = false;
    bool head_only = false;
    bool cbor = false;  // the answer is to be, as its request was
  };

  [[nodiscard]] AdmissionContext admission() const;
  [[nodiscard]] std::string client() const;  // the address of who sent the request that is being read
  [[nodiscard]] bool on_head();              // false: it was refused, and the connection finishes
  [[nodiscard]] std::unique_ptr<Transport> on_request();
  void on_post();
  void end_request();
  [[nodiscard]] http::Response problem(int status, std::string_view code, std::string detail) const;
  [[nodiscard]] std::unique_ptr<Transport> upgrade();
  [[nodiscard]] bool upgrades() const;
  [[nodiscard]] bool wants_stream() const;
  [[nodiscard]] bool takes_place();
  [[nodiscard]] bool authenticate();  // likewise
  [[nodiscard]] std::optional<Refusal> refuse_stream(std::span<const std::string> channels) const;
  [[nodiscard]] std::unique_ptr<Transport> open_stream();
  void tell_opened(const Ending& session, std::string_view kind);
  [[nodiscard]] http::Response answer_get() const;
  void on_outcome(session::PostOutcome outcome) override;
  void refuse(Refusal refusal);
  void enqueue(http::Response response);
  [[nodiscard]] Due new_due() const;
  void send_due();
  void send(std::string_view text);
  void arm_deadline();

  Connection& connection_;
  http::RequestParser parser_;
  std::unique_ptr<session::HttpSession> session_;  // from the first POST on
  std::deque<Due> due_;
  std::string request_id_;           // of the request that is being read
  std::string origin_;               // of it, when allowed
  session::PrincipalPtr principal_;  // of it; null when it has no credential
  runtime::Tick request_deadline_ = 0;
  bool full_ = false;           // the pipeline is: reading is paused
  bool continue_owed_ = false;  // the request being read waits for 100 Continue
  bool overflowed_ = false;     // too many answers unread: reading is paused
  bool posting_ = false;        // a session runs a body: answers wait until it returns
  bool refused_ = false;
  bool last_request_seen_ = false;  // nothing behind it runs: it asked to close, or was refused, or it was the last
};

}  // namespace crier::net
