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

// Above what a broker lets through by default, and most that are set up otherwise.
constexpr std::size_t incoming_bytes_max = std::size_t{64} * 1024 * 1024;

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
    options.token_source = [file = link.token_file, first = link.token](client::TokenReason reason,
                                                                        const client::TokenReply& reply) {
      if (reason == client::TokenReason::first) return reply(first);
      auto token = read_secret_file(file);
      reply(token ? client::Result<std::string>(std::move(*token))
                  : client::Error{.code = client::ErrorCode::unauthorized, .message = token.error().what});
    };
  }
  options.tls.verify = !link.insecure;
  options.tls.ca_file = link.ca_file;
  options.tls.certificate_file = link.cert_file;
  options.tls.private_key_file = link.client_key_file;
  options.incoming_bytes_max = incoming_bytes_max;
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

Watch::Watch(asio::io_context& context, const config::Usage& usage, std::chrono::milliseconds wait,
             std::function<void(Farewell)> give_up)
    : usage_(usage), patience_ends_(std::chrono::steady_clock::now() + wait), patience_(context) {
  if (wait.count() == 0) return;
  patience_.expires_at(patience_ends_);
  patience_.async_wait([this, give_up = std::move(give_up)](const asio::error_code& error) {
    if (error || connections_ > 0) return;
    give_up({last_ ? exit_code_of(*last_) : exit_unreachable,
             "there was no connection within --wait" + (last_ ? ": " + in_own_words(last_->message) : "")});
  });
}

std::optional<Farewell> Watch::take(const client::StateChange& change) {
  // Not with `closed`, by which a command ends that may be looking up a name.
  if (change.state != client::State::closed) connecting_ = change.state == client::State::connecting;
  if (change.error) last_ = change.error;
  switch (change.state) {
    case client::State::connecting: break;
    case client::State::connected:
      patience_.cancel();
      if (++connections_ > 1) tell(usage_, "connected again");
      break;
    case client::State::waiting: {
      const std::string why = change.error ? in_own_words(change.error->message) : "the connection ended";
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
      if (change.error) return Farewell{exit_code_of(*change.error), in_own_words(change.error->message)};
      break;
  }
  return std::nullopt;
}

}  // namespace crier::cli
