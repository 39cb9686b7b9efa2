#include "clients/cli/publisher.hpp"

#include <algorithm>
#include <asio/io_context.hpp>
#include <asio/signal_set.hpp>
#include <asio/steady_timer.hpp>
#include <cmath>
#include <crier/client.hpp>
#include <csignal>
#include <map>
#include <optional>
#include <utility>

#include "broker/config/units.hpp"
#include "clients/cli/exit_code.hpp"
#include "clients/cli/key_budget.hpp"
#include "clients/cli/lines.hpp"
#include "clients/cli/output.hpp"
#include "clients/cli/progress.hpp"
#include "clients/cli/signals.hpp"
#include "clients/cli/tally.hpp"
#include "clients/cli/text.hpp"
#include "clients/cli/throttle.hpp"
#include "protocol/command/json_scanner.hpp"
#include "protocol/websocket/utf8.hpp"

namespace crier::cli {

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr std::uint64_t faults_told_max = 10;
constexpr milliseconds limited_pause{1'000};  // where the broker does not say how long
// A broker without room for keys has room again when those that fill it are forgotten, by default after two minutes.
constexpr milliseconds lines_patience_min{150'000};
// Beyond that nothing is published until somebody reads the positions.
constexpr std::size_t output_bytes_max = 1024 * 1024;

// Who may not publish this line may not publish the next one either.
bool is_refused_for_all(client::ErrorCode code) {
  using client::ErrorCode;
  return code == ErrorCode::forbidden || code == ErrorCode::unauthorized || code == ErrorCode::token_expired ||
         code == ErrorCode::bad_option;
}

// Nobody answers: no use in asking for the next line.
bool is_unanswered(client::ErrorCode code) {
  using client::ErrorCode;
  return code == ErrorCode::timeout || code == ErrorCode::connection_lost || code == ErrorCode::offline ||
         code == ErrorCode::closed || code == ErrorCode::unreachable;
}

// The library's words are for programmers.
std::string why_not(const client::Error& error) {
  using client::ErrorCode;
  switch (error.code) {
    case ErrorCode::timeout: return "no acknowledgement came within --timeout; it may have been stored";
    case ErrorCode::connection_lost: return "the connection was lost while it was on its way; it may have been stored";
    case ErrorCode::offline: return "there was no connection within --timeout; it was not sent";
    default: return in_own_words(error.message);
  }
}

class Publisher {
 public:
  Publisher(const config::Usage& usage, PublishWish wish)
      : usage_(usage),
        wish_(std::move(wish)),
        lines_(context_),
        throttle_(wish_.rate),
        output_(context_, [this] { output_changed(); }),
        watch_(context_, usage, wish_.wait, [this](Farewell farewell) { give_up(std::move(farewell)); }),
        signals_(context_),
        pace_(context_),
        last_words_(context_),
        progress_(context_, usage, [this] { return progress_text(); }),
        client_(context_.get_executor(), wish_.connection,
                {.on_state = [this](const client::StateChange& change) { take_state(change); },
                 // No end: a token that was not there, for example, is asked for again.
                 .on_error = [this](const client::Error& error) { tell_over(in_own_words(error.message)); }}) {}

  int run() {
    std::signal(SIGPIPE, SIG_IGN);
    if (!wish_.data) {
      if (const auto opened = lines_.open(wish_.file); !opened) {
        return fail(usage_, exit_failed, wish_.file + ": " + opened.error().what);
      }
    }
    add_ends(signals_);
    await_signal();
    client_.start();
    context_.run();
    progress_.clear();
    const int exit_code = conclude();
    if (watch_.connecting()) leave_at_once(exit_code);
    return exit_code;
  }

 private:
  struct Line {
    std::uint64_t number;
    client::Publication publication;
  };

  void await_signal() {
    signals_.async_wait([this](const asio::error_code& error, int signal) {
      if (error) return;
      if (stopped_) {  // once more: somebody is in a hurry
        context_.stop();
        return;
      }
      stop({128 + signal, ""});
      await_signal();
    });
  }

  void take_state(const client::StateChange& change) {
    progress_.clear();
    if (auto farewell = watch_.take(change)) return give_up(std::move(*farewell));
    if (change.state != client::State::connected || watch_.connections() > 1) return;
    throttle_.start(steady_clock::now());
    if (!wish_.data) progress_.start();
    pump();
  }

  // There is no connection, and there will be none.
  void give_up(Farewell farewell) {
    closed_ = true;
    stop(std::move(farewell));
    end_if_done();
  }

  void tell_over(const std::string& what) {
    progress_.clear();
    tell(usage_, what);
  }

  // Sends as much as there is, and as may be sent. Whoever has to wait calls it again.
  void pump() {
    while (!stopped_ && !waiting_) {
      if (in_flight_.size() >= throttle_.in_flight_max()) return;  // an acknowledgement calls
      if (output_.waiting() > output_bytes_max) return;            // who reads it
      if (!held_ && !take_line()) return;  // before the wait: behind the last line there is none
      if (steady_clock::now() < throttle_.next_at()) return wait_until(throttle_.next_at());
      if (!send()) return;
    }
  }

  // The next line becomes `held_`. False: there is none now, or never.
  bool take_line() {
    if (!again_.empty()) {
      held_ = std::move(again_.extract(again_.begin()).mapped());
      return true;
    }
    while (!ended_ && !reading_ && !stopped_) {
      std::string text;
      switch (next_text(text)) {
        case Lines::Step::line:
          if (hold(text)) return true;
          break;
        case Lines::Step::too_long:
          refuse(++number_, "is longer than " + config::size_text(Lines::line_bytes_max));
          break;
        case Lines::Step::wait: read_more(); break;
        case Lines::Step::end: ended_ = true; break;
        case Lines::Step::fault: stop({exit_failed, wish_.file + ": " + lines_.fault()}); break;
      }
    }
    if (ended_) finish_if_done();
    return false;
  }

  void read_more() {
    reading_ = true;
    lines_.more([this] {
      reading_ = false;
      if (!waiting_) pump();
    });
  }

  Lines::Step next_text(std::string& text) {
    if (!wish_.data) return lines_.take(text);
    if (number_ > 0) return Lines::Step::end;
    text = *wish_.data;
    return Lines::Step::line;
  }

  // False: the line is none that can be sent, which was told.
  bool hold(const std::string& text) {
    ++number_;
    if (wish_.json && !wish_.data && text.find_first_not_of(" \t") == std::string::npos) return false;
    auto data = publish_data(text, wish_.json);
    if (!data) {
      refuse(number_, data.error().what);
      return false;
    }
    client::Publication publication = wish_.form;
    publication.channel = wish_.channel;
    publication.data = std::move(*data);
    publication.retry = wish_.keyed && (!wish_.key.empty() || budget_.take(steady_clock::now()));
    publication.key = wish_.key;
    if (!wish_.key.empty() && !wish_.data) publication.key += ":" + std::to_string(number_);
    held_ = Line{number_, std::move(publication)};
    return true;
  }

  // False: not now.
  bool send() {
    const std::uint64_t number = held_->number;
    const auto taken = client_.publish(held_->publication, [this, number](client::Result<client::Published> result) {
      take_result(number, std::move(result));
    });
    if (taken) {
      throttle_.sent(steady_clock::now());
      in_flight_.emplace(number, std::move(held_->publication));
      held_.reset();
      return true;
    }
    if (taken.error().code == client::ErrorCode::queue_full && !in_flight_.empty()) {
      waiting_ = true;
      client_.on_room([this] {
        waiting_ = false;
        pump();
      });
      return false;
    }
    held_.reset();
    judge(number, taken.error());
    return true;
  }

  void wait_until(steady_clock::time_point when) {
    waiting_ = true;
    pace_.expires_at(when);
    pace_.async_wait([this](const asio::error_code& error) {
      if (error) return;
      waiting_ = false;
      pump();
    });
  }

  void take_result(std::uint64_t number, client::Result<client::Published> result) {
    if (closed_) return;  // it stays without an acknowledgement
    auto sent = in_flight_.extract(number);
    if (result) {
      tally_.acknowledged();
      throttle_.acknowledged();
      if (wish_.print) output_.write(result->position + "\n");
    } else if (!stopped_ && is_for_later(result.error(), sent.mapped())) {
      again_.emplace(number, Line{number, std::move(sent.mapped())});
    } else {
      judge(number, result.error());
    }
    if (stopped_) return leave_if_done();
    if (!waiting_) pump();
  }

  void output_changed() {
    if (closed_) return end_if_done();
    if (!stopped_ && !waiting_) pump();
  }

  // The same line may go through in a moment, or as another publication.
  bool is_for_later(const client::Error& error, client::Publication& publication) {
    using client::ErrorCode;
    switch (error.code) {
      case ErrorCode::rate_limited: slow_down(error, ". --rate keeps below the limit"); return true;
      case ErrorCode::unavailable:
        if (!has_patience()) return false;
        slow_down(error, ", and trying again");
        return true;
      case ErrorCode::limit_exceeded:
        if (!publication.retry) return false;
        if (wish_.key.empty()) {
          do_without_keys(error);
          publication.retry = false;
          return true;
        }
        if (!has_patience()) return false;
        slow_down(error, ", until there is room for --key");
        return true;
      case ErrorCode::connection_lost:
        if (publication.retry || !wish_.keyed) return false;
        tell_doubt();
        return true;
      default: return false;
    }
  }

  // Not for ever where nothing at all goes through. One message is waited for as long as --timeout says.
  bool has_patience() {
    const milliseconds timeout = wish_.connection.command_timeout;
    return throttle_.may_wait(steady_clock::now(), wish_.data ? timeout : std::max(timeout, lines_patience_min));
  }

  void do_without_keys(const client::Error& error) {
    budget_.close();
    if (std::exchange(without_keys_told_, true)) return;
    tell_over(without_end(error.message) + "; going on without keys: from here on a cut may publish a line twice");
  }

  // It was on its way, without a key: whether it was stored, nobody knows.
  void tell_doubt() {
    tally_.doubtful();
    if (tally_.doubtful_count() > 1) return;  // the summary has their number
    tell_over("what was on its way without a key is sent again: it may come twice");
  }

  void slow_down(const client::Error& error, const char* advice) {
    const milliseconds pause = error.retry_after ? milliseconds(*error.retry_after) : limited_pause;
    if (!throttle_.limited(steady_clock::now(), pause)) return;
    if (!std::exchange(limited_told_, true)) tell_over(without_end(error.message) + "; going slower" + advice);
  }

  void judge(std::uint64_t number, const client::Error& error) {
    refuse(number, why_not(error));
    if (is_unanswered(error.code)) return stop({exit_incomplete, ""});
    const bool out_of_patience = throttle_.stuck() && !has_patience();
    if (out_of_patience) return stop({wish_.data ? exit_failed : exit_incomplete, ""});
    if (is_refused_for_all(error.code)) stop({exit_failed, ""});
  }

  void refuse(std::uint64_t number, const std::string& why) {
    tally_.refused(number);
    if (tally_.refused_count() > faults_told_max) return;
    progress_.clear();
    tell(usage_, (wish_.data ? wish_.channel : "line " + std::to_string(number)) + ": " + why);
    if (tally_.refused_count() == faults_told_max) tell(usage_, "no further lines are told one by one");
  }

  // Nothing new is sent; what is on its way may still be acknowledged.
  void stop(Farewell farewell) {
    if (std::exchange(stopped_, true)) return;
    farewell_ = std::move(farewell);
    last_words_.expires_after(wish_.connection.close_timeout);
    last_words_.async_wait([this](const asio::error_code& error) {
      if (error) return;
      closed_ = true;
      // After a signal nobody waits for a reader who does not read.
      if (farewell_.exit_code >= 128) context_.stop();
      end_if_done();
    });
    leave_if_done();
  }

  void finish_if_done() {
    if (!in_flight_.empty() || !again_.empty() || held_) return;
    stop({tally_.refused_count() == 0 ? exit_done : wish_.data ? exit_failed : exit_incomplete, ""});
  }

  void leave_if_done() {
    if (!in_flight_.empty() || std::exchange(leaving_, true)) return;
    client_.close([this] {
      closed_ = true;
      end_if_done();
    });
  }

  // Positions that were asked for go out, however long their reader needs.
  void end_if_done() {
    if (output_.waiting() == 0 || output_.gone()) context_.stop();
  }

  int conclude() {
    if (!farewell_.text.empty()) tell(usage_, farewell_.text);
    const std::uint64_t open = in_flight_.size() + again_.size() + (held_ ? 1 : 0);
    int exit_code = farewell_.exit_code;
    if (exit_code == exit_done && open > 0) exit_code = exit_incomplete;
    if (!output_.fault().empty()) {
      tell(usage_, "standard output: " + output_.fault() + "; not every position was printed");
      if (exit_code == exit_done) exit_code = exit_failed;
    }
    if (wish_.data) return exit_code;
    if (watch_.connections() == 0) return exit_code;
    tell(usage_, tally_.summary(open, open > 0 ? first_open() : 0));
    return exit_code;
  }

  [[nodiscard]] std::uint64_t first_open() const {
    std::uint64_t first = held_ ? held_->number : number_;
    if (!in_flight_.empty()) first = std::min(first, in_flight_.begin()->first);
    if (!again_.empty()) first = std::min(first, again_.begin()->first);
    return first;
  }

  [[nodiscard]] std::string progress_text() const {
    std::string text = grouped(tally_.acknowledged_count()) + " acknowledged";
    if (lines_.size_bytes() > 0) {
      const double share = static_cast<double>(lines_.read_bytes()) / static_cast<double>(lines_.size_bytes());
      text += ", " + std::to_string(std::lround(std::min(1.0, share) * 100)) + " % read";
    }
    if (tally_.refused_count() > 0) text += ", " + grouped(tally_.refused_count()) + " refused";
    return text + progress_.rate_text(tally_.acknowledged_count());
  }

  const config::Usage& usage_;
  PublishWish wish_;
  asio::io_context context_{1};
  Lines lines_;
  Throttle throttle_;
  Output output_;
  KeyBudget budget_;
  Watch watch_;
  asio::signal_set signals_;
  asio::steady_timer pace_;
  asio::steady_timer last_words_;
  Progress progress_;
  std::map<std::uint64_t, client::Publication> in_flight_;  // by the line's number
  std::map<std::uint64_t, Line> again_;                     // over the broker's rate limit
  std::optional<Line> held_;                                // the next one
  std::uint64_t number_ = 0;                                // of the last line that was read
  Tally tally_;
  bool waiting_ = false;  // for room or time: pump() will be called
  bool reading_ = false;  // likewise, for lines
  bool ended_ = false;    // of the input
  bool stopped_ = false;
  bool leaving_ = false;
  bool closed_ = false;  // the client, or as good as that
  bool limited_told_ = false;
  bool without_keys_told_ = false;
  Farewell farewell_;
  client::Client client_;  // the last: its handlers use all of the above
};

}  // namespace

Result<std::string, Fault> publish_data(const std::string& text, bool json) {
  if (!websocket::valid_utf8(text)) return Fault{"is no UTF-8"};
  if (!json) return client::json_string(text);
  if (const auto fault = command::check_json(text)) {
    return Fault{"is no JSON: " + command::describe(*fault, text)};
  }
  return text;
}

int publish(const config::Usage& usage, PublishWish wish) {
  return Publisher(usage, std::move(wish)).run();
}

}  // namespace crier::cli
