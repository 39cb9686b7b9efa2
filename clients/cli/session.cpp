#include "clients/cli/session.hpp"

#include <memory>
#include <utility>

#include "broker/config/names.hpp"
#include "broker/config/units.hpp"
#include "broker/tools/input.hpp"
#include "clients/cli/exit_code.hpp"
#include "clients/cpp/url.hpp"

namespace crier::cli {

namespace {

// Too many connections, or a broker that ends: another moment may be better.
bool is_of_the_moment(const client::Error& error) {
  return error.http_status == 503 || error.http_status == 429 || error.close_code == 1012 || error.close_code == 1013;
}

}  // namespace

Result<client::Options, Fault> client_options(const Link& link, const config::Usage& usage) {
  const auto url = client::parse_url(link.url);
  // Not the query, which may hold what nobody is to see.
  const std::string shown = link.url.substr(0, link.url.find('?'));
  if (!url) return Fault{config::in_quotes(shown) + " " + url.error().detail};
  if (link.insecure) {
    tell(usage, url->tls ? "--insecure: whoever is in between can read along, and answer in the broker's place"
                         : "--insecure: there is no certificate to verify, this URL is not wss:// or https://");
  }
  client::Options options;
  options.url = link.url;
  if (link.token_file.empty()) options.token = link.token;
  if (!link.token_file.empty()) {
    options.token_source = [file = link.token_file](client::TokenReason /*reason*/, const client::TokenReply& reply) {
      auto token = read_secret_file(file);
      reply(token ? client::Result<std::string>(std::move(*token))
                  : client::Error{.code = client::ErrorCode::unauthorized, .message = token.error().what});
    };
  }
  options.tls.verify = !link.insecure;
  options.tls.ca_file = link.ca_file;
  return options;
}

int exit_code_of(const client::Error& error) {
  switch (error.code) {
    case client::ErrorCode::unreachable:
    case client::ErrorCode::tls:
    case client::ErrorCode::not_crier:
    case client::ErrorCode::connection_lost:
    case client::ErrorCode::offline:
    case client::ErrorCode::timeout: return exit_unreachable;
    case client::ErrorCode::refused: return is_of_the_moment(error) ? exit_unreachable : exit_failed;
    case client::ErrorCode::bad_option: return exit_usage;
    default: return exit_failed;
  }
}

std::optional<Farewell> Watch::take(const client::StateChange& change) {
  switch (change.state) {
    case client::State::connecting: break;
    case client::State::connected:
      if (++connections_ > 1) tell(usage_, "connected again");
      break;
    case client::State::waiting: {
      const std::string why = change.error ? change.error->message : "the connection ended";
      const bool at_start = connections_ == 0;
      if (at_start && std::chrono::steady_clock::now() >= patience_ends_) {
        return Farewell{change.error ? exit_code_of(*change.error) : exit_unreachable, why};
      }
      tell(usage_, without_end(why) + (change.retry_in.count() > 0
                                           ? "; trying again in " + config::duration_text(change.retry_in)
                                           : "; trying again"));
      break;
    }
    case client::State::closed:
      if (change.error) return Farewell{exit_code_of(*change.error), change.error->message};
      break;
  }
  return std::nullopt;
}

}  // namespace crier::cli
