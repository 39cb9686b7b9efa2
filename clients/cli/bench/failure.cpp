#include "clients/cli/bench/failure.hpp"

#include <algorithm>

#include "clients/cli/exit_code.hpp"

namespace crier::cli::benchmark {

namespace {

constexpr std::size_t text_bytes_max = 300;

std::string_view advice_for(int status) {
  switch (status) {
    case 401: return "CRIER_TOKEN or --token-file holds the token or key to connect with";
    case 403: return "the token or key does not allow this";
    case 404: return "the URL's path is to be one of server.paths, /message by default";
    case 421: return "call the broker by a name that server.hosts has, or by a loopback address in protected mode";
    case 426: return "something between here and the broker does not let WebSocket through";
    case 429: return "limits.connections_per_ip_max bounds what one address may have";
    case 503:
      return "limits.connections_max, limits.connects_per_second_max (see --connect-rate) and its descriptors bound "
             "what it takes; a broker that drains takes nobody";
    default: return "is this the URL of a Crier broker?";
  }
}

}  // namespace

std::string printable(std::string_view text) {
  std::string shown(text.substr(0, text_bytes_max));
  for (char& c : shown) {
    if (c < ' ' || c > '~') c = '.';
  }
  return shown;
}

Failure refused_upgrade(int status, std::string_view detail) {
  std::string text = "it answered " + std::to_string(status);
  if (!detail.empty()) text += ": " + printable(detail);
  text += "; " + std::string(advice_for(status));
  const bool no_room = status == 429 || status == 503;
  return {no_room ? exit_unreachable : exit_failed, std::move(text)};
}

std::string closed_text(websocket::CloseCode code, std::string_view reason) {
  using websocket::CloseCode;
  std::string text = "closed with " + std::to_string(static_cast<unsigned>(code));
  if (code != CloseCode::no_status) text += " " + std::string(to_string(code));
  if (!reason.empty() && reason != to_string(code)) text += " (" + printable(reason) + ")";
  switch (code) {
    case CloseCode::service_restart: return text + ": the broker drains or restarts";
    case CloseCode::slow_consumer:
      return text + ": this client did not read fast enough; more --threads, or a lower --rate";
    case CloseCode::too_big: return text + ": --size is over limits.incoming_bytes_max";
    case CloseCode::rate_limited: return text + ": over limits.commands_per_second_max, or the namespace's rate";
    case CloseCode::unauthorized:
      return text + ": the broker wants a token or key; CRIER_TOKEN or --token-file holds it";
    case CloseCode::token_expired: return text + ": a run needs a token that lives longer";
    default: return text;
  }
}

void Failures::add(const Failure& failure) {
  const std::lock_guard lock(mutex_);
  const auto found = std::ranges::find_if(kinds_, [&](const Kind& kind) { return kind.failure.text == failure.text; });
  if (found != kinds_.end()) {
    ++found->times;
  } else if (kinds_.size() < kinds_max) {
    kinds_.push_back({failure, 1});
  } else {
    ++others_;
  }
}

int Failures::exit_code() const {
  const std::lock_guard lock(mutex_);
  return kinds_.empty() ? 0 : kinds_.front().failure.exit_code;
}

std::vector<std::string> Failures::texts() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> texts;
  for (const Kind& kind : kinds_) {
    texts.push_back(kind.failure.text + (kind.times == 1 ? "" : " (" + std::to_string(kind.times) + " times)"));
  }
  if (others_ > 0) texts.push_back("and " + std::to_string(others_) + " of other kinds");
  return texts;
}

}  // namespace crier::cli::benchmark
