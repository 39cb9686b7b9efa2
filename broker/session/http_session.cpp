#include "broker/session/http_session.hpp"

#include <utility>

namespace crier::session {

int http_status(ErrorCode code) {
  switch (code) {
    case ErrorCode::bad_request: return 400;
    case ErrorCode::unauthorized:
    case ErrorCode::token_expired: return 401;
    case ErrorCode::forbidden: return 403;
    case ErrorCode::already_subscribed:
    case ErrorCode::not_subscribed: return 409;
    case ErrorCode::unrecoverable_position: return 410;
    case ErrorCode::too_large: return 413;
    case ErrorCode::rate_limited:
    case ErrorCode::limit_exceeded: return 429;
    case ErrorCode::internal: return 500;
    case ErrorCode::unavailable: return 503;
    case ErrorCode::timeout: return 504;
  }
  __builtin_unreachable();
}

HttpSession::HttpSession(Environment& environment, Host& host, hub::SessionId id, Listener& listener)
    : Client(environment, host, id), listener_(listener) {}

bool HttpSession::post(std::string_view body, PrincipalPtr principal) {
  speak_for(std::move(principal));
  const auto batch = environment_.parser.parse(body);
  if (!batch) return refuse_post(batch.error());
  Request& request = requests_.emplace_back();
  const auto number = static_cast<std::uint32_t>(first_request_ + requests_.size() - 1);
  request.array = batch->array;
  request.open = static_cast<std::uint32_t>(batch->commands.size());
  request.replies.resize(batch->commands.size());
  run_batch(batch->commands, body, number);
  return finish_post(request);
}

bool HttpSession::post_cbor(std::string_view body, PrincipalPtr principal) {
  const auto json = environment_.cbor.to_json(body);
  if (json) return post(*json, std::move(principal));
  return refuse_post({json.error(), std::nullopt, {}, "", ""});
}

bool HttpSession::refuse_post(const command::CommandError& refused) {
  environment_.metrics.commands.back().add(to_string(refused.error.code));
  Request& request = requests_.emplace_back();
  request.replies.resize(1);
  request.errors.push_back(refused.error);
  command::append_json(
      request.replies[0],
      command::Reply{command::ErrorReply{refused.id, refused.command, refused.channel, refused.error, std::nullopt}});
  reply_bytes_ += request.replies[0].size();
  return finish_post(request);
}

bool HttpSession::finish_post(Request& request) {
  request.posted = true;
  const bool refused = refused_whole(request) && http_status(request.errors[0].code) < 500;
  hand_out();
  return !refused;
}

// Is the answer an error for the request as a whole, not one among several results?
bool HttpSession::refused_whole(const Request& request) {
  return !request.array && request.open == 0 && !request.errors.empty() && request.replies.size() == 1 &&
         request.replies[0].starts_with(R"({"op":"error")");
}

void HttpSession::reply(const ReplySlot& slot, const command::Reply& reply) {
  Request& request = requests_[slot.request - first_request_];
  command::append_json(request.replies[slot.index], reply);
  reply_bytes_ += request.replies[slot.index].size();
  if (const auto* const error = std::get_if<command::ErrorReply>(&reply)) {
    if (request.errors.empty()) request.retry_after_s = error->retry_after_s;
    request.errors.push_back(error->error);
  }
  if (const auto* const broadcast = std::get_if<command::BroadcastPublished>(&reply)) {
    for (const command::PublishResult& result : broadcast->results) {
      if (result.error) request.errors.push_back(*result.error);
    }
  }
  --request.open;
  if (request.posted) hand_out();
}

void HttpSession::hand_out() {
  while (!requests_.empty() && requests_.front().posted && requests_.front().open == 0) {
    for (const std::string& reply : requests_.front().replies) reply_bytes_ -= reply.size();
    PostOutcome outcome = outcome_of(requests_.front());
    requests_.pop_front();
    ++first_request_;
    listener_.on_outcome(std::move(outcome));
  }
}

// 200 when every command succeeded, else 207, or the problem's own status for a single command.
PostOutcome HttpSession::outcome_of(Request& request) {
  PostOutcome outcome;
  if (!request.errors.empty()) outcome.status = 207;
  if (refused_whole(request)) {
    outcome.status = http_status(request.errors[0].code);
    outcome.problem_code = to_string(request.errors[0].code);
    outcome.problem_detail = request.errors[0].detail;
    outcome.retry_after_s = request.retry_after_s;
  }
  if (!request.array) {
    outcome.body = std::move(request.replies[0]);
    return outcome;
  }
  outcome.body.assign(1, '[');
  for (const std::string& reply : request.replies) {
    if (outcome.body.size() > 1) outcome.body += ',';
    outcome.body += reply;
  }
  outcome.body += ']';
  return outcome;
}

}  // namespace crier::session
