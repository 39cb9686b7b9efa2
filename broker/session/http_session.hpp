// A client that posts: each request holds commands, each command gets its reply, in command order.
// No Asio, no clock. Thread: its loop's.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/session/client.hpp"

namespace crier::session {

// What one POST came to.
struct PostOutcome {
  int status = 200;
  std::string body;          // the reply, or the array of replies
  std::string problem_code;  // "" or, when the status is a problem of the whole request, its error code
  std::string problem_detail;
  std::optional<std::int64_t> retry_after_s = std::nullopt;  // of that problem, where it is known
};

class HttpSession final : public Client {
 public:
  // Told that a request's outcome is there: outcomes come in the order of the requests.
  class Listener {
   public:
    virtual void on_outcome(PostOutcome outcome) = 0;

   protected:
    ~Listener() = default;
  };

  HttpSession(Environment& environment, Host& host, hub::SessionId id, Listener& listener);

  // Runs one body's commands. The outcome comes now or in a later turn. False when it is known to be a
  // refusal (a 4xx for the whole request): then the connection ends with it.
  // `principal`: by the request's credential, null without one.
  [[nodiscard]] bool post(std::string_view body, PrincipalPtr principal = nullptr);
  // The same for a body of CBOR; the outcome's body is JSON nevertheless.
  [[nodiscard]] bool post_cbor(std::string_view body, PrincipalPtr principal = nullptr);

  // It never subscribes.
  void deliver(const hub::ChunkPtr& /*chunk*/) override { CRIER_ASSERT(false); }

 private:
  struct Request {
    bool array = false;
    bool posted = false;  // its commands all ran: what is open now waits for the hub
    std::uint32_t open = 0;
    std::vector<std::string> replies;
    std::vector<Error> errors;
    std::optional<std::int64_t> retry_after_s;  // of the first error
  };
  [[nodiscard]] bool finish_post(Request& request);
  [[nodiscard]] bool refuse_post(const command::CommandError& refused);
  void reply(const ReplySlot& slot, const command::Reply& reply) override;
  void push(const command::Push& /*push*/) override { CRIER_ASSERT(false); }
  void send_message(const hub::Subscription& /*subscription*/, const hub::Message& /*message*/) override {
    CRIER_ASSERT(false);
  }
  [[nodiscard]] bool acknowledges_everything() const override { return true; }
  [[nodiscard]] bool can_subscribe() const override { return false; }
  [[nodiscard]] bool has_room_for_list() const override {
    return reply_bytes_ <= environment_.config.limits.outbox_bytes_max;
  }
  void hand_out();
  [[nodiscard]] static bool refused_whole(const Request& request);
  [[nodiscard]] static PostOutcome outcome_of(Request& request);

  Listener& listener_;
  std::deque<Request> requests_;
  std::size_t reply_bytes_ = 0;      // of all of them
  std::uint32_t first_request_ = 0;  // the number of requests_.front()
};

// The HTTP status for an error of the contract.
[[nodiscard]] int http_status(ErrorCode code);

}  // namespace crier::session
