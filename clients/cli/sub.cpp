// `crier sub`: the messages of channels, a line each.
#include <unistd.h>

#include <algorithm>
#include <array>
#include <asio/io_context.hpp>
#include <asio/signal_set.hpp>
#include <asio/steady_timer.hpp>
#include <crier/client.hpp>
#include <csignal>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <stdexcept>
#include <utility>

#include "broker/config/names.hpp"
#include "clients/cli/commands.hpp"
#include "clients/cli/exit_code.hpp"
#include "clients/cli/option_values.hpp"
#include "clients/cli/output.hpp"
#include "clients/cli/push_text.hpp"
#include "clients/cli/session.hpp"
#include "clients/cli/signals.hpp"
#include "clients/cli/text.hpp"
#include "protocol/command/channel_name.hpp"

namespace crier::cli {

namespace {

constexpr std::array own_options = {
    config::Option{"--since", "POSITION",
                   "Go on behind that position; with several channels CHANNEL=POSITION,\n"
                   "repeatable",
                   true},
    config::Option{"--last", "N", "Begin with the newest N messages of the history"},
    config::Option{"--presence", "", "Also tell who is there, and who comes and goes"},
    config::Option{"--json", "", "Print the whole push: channel, data, position, time"},
    config::Option{"--raw", "", "Print a string's text without quotes and escapes, as jq -r does"},
    config::Option{"--count", "N", "End after N messages"},
    config::Option{"--timeout", "TIME", "End after that time: 500ms, 10s, 5m, or seconds"},
    wait_option,
};
constexpr auto options_table = joined(own_options, link_options);

constexpr std::string_view footer =
    "Prints the data of every message as it was published, JSON in one line. CHANNEL may be a pattern: 'news.*',\n"
    "'chat:room.>'. Gaps, a history that no longer reaches back, and reconnects are told on standard error. After a\n"
    "cut it goes on where it was. SIGINT ends it in order, and it says from which position to go on.\n"
    "With --count and --timeout the exit code is 4 where fewer messages came, or some were lost.\n"
    "\n"
    "Examples:\n"
    "  crier sub news\n"
    "  crier sub 'chat:room.*' --json | jq .data\n"
    "  crier sub orders --since 8003fwez:17 --count 10 --timeout 30s\n"
    "  CRIER_TOKEN=$(cat token) crier sub --url wss://crier.example.com/message orders.new\n"
    "\n"
    "Environment: CRIER_URL, CRIER_TOKEN.\n";

constexpr config::Usage usage{
    "crier sub", "CHANNEL... [OPTIONS]", "Print the messages of channels", options_table, footer, 1, 1'000, exit_codes};

// Beyond that we read no more from the broker until somebody reads us.
constexpr std::size_t output_bytes_max = 1024 * 1024;
constexpr std::chrono::milliseconds last_words_max{1'000};

struct Wish {
  std::vector<std::string> channels;
  std::map<std::string, std::string> since;
  std::optional<std::uint64_t> last;
  bool presence = false;
  bool json = false;
  bool raw = false;
  std::uint64_t count = 0;               // 0: no end
  std::chrono::milliseconds timeout{0};  // 0: none
  std::chrono::milliseconds wait{0};
  client::Options connection;
};

class Subscriber {
 public:
  explicit Subscriber(Wish wish)
      : wish_(std::move(wish)),
        output_(context_, [this] { output_changed(); }),
        watch_(context_, usage, wish_.wait, [this](Farewell farewell) { end(std::move(farewell)); }),
        signals_(context_),
        timer_(context_),
        terminal_(::isatty(STDOUT_FILENO) == 1),
        client_(context_.get_executor(), wish_.connection,
                {.on_state = [this](const client::StateChange& change) { take_state(change); },
                 // No end: a token that was not there, for example, is asked for again.
                 .on_error = [](const client::Error& error) { tell(usage, in_own_words(error.message)); }}) {}

  int run() {
    std::signal(SIGPIPE, SIG_IGN);
    add_ends(signals_);
    await_signal();
    if (wish_.timeout.count() > 0) {
      timer_.expires_after(wish_.timeout);
      timer_.async_wait([this](const asio::error_code& error) {
        if (!error) end(time_over());
      });
    }
    for (const std::string& channel : wish_.channels) subscribe(channel);
    client_.start();
    context_.run();
    judge_output();
    if (!farewell_.text.empty()) tell(usage, farewell_.text);
    if (tell_where_) tell_where_to_go_on();
    if (watch_.connecting()) leave_at_once(farewell_.exit_code);
    return farewell_.exit_code;
  }

 private:
  void subscribe(const std::string& channel) {
    client::SubscribeOptions options;
    const auto since = wish_.since.find(channel);
    if (since != wish_.since.end()) options.since = since->second;
    options.last = wish_.last;
    options.presence = wish_.presence;
    client::SubscriptionHandlers handlers;
    handlers.on_message = [this](const client::Message& message) { take_message(message); };
    handlers.on_subscribed = [this](const client::Subscribed& subscribed) { take_subscribed(subscribed); };
    handlers.on_gap = [this](const client::Gap& gap) { take_gap(gap); };
    handlers.on_presence = [this](const client::PresenceChange& change) { take_presence(change); };
    handlers.on_ended = [this, channel](const client::Error& error) { take_end(channel, error); };
    open_.insert(channel);
    if (const auto taken = client_.subscribe(channel, std::move(options), std::move(handlers)); !taken) {
      end({exit_code_of(taken.error()), channel + ": " + taken.error().message});
    }
  }

  void await_signal() {
    signals_.async_wait([this](const asio::error_code& error, int signal) {
      if (error) return;
      if (ended_) {  // once more: somebody is in a hurry
        context_.stop();
        return;
      }
      tell_where_ = true;
      end({128 + signal, ""});
      leave_soon();
      await_signal();
    });
  }

  void take_state(const client::StateChange& change) {
    if (auto farewell = watch_.take(change)) {
      tell_where_ = watch_.connections() > 0;
      end(std::move(*farewell));
    }
  }

  void take_subscribed(const client::Subscribed& subscribed) {
    live_.insert(subscribed.channel);
    if (subscribed.recovered == false) {
      incomplete_ = true;
      tell(usage, subscribed.channel + (subscribed.again
                                            ? ": messages may be missing here: the history no longer reaches back"
                                            : ": the history no longer reaches back to that position: messages may "
                                              "be missing"));
    }
    if (wish_.presence && !subscribed.again) {
      client::PresenceChange there;
      there.kind = client::PresenceChange::Kind::members;
      there.channel = subscribed.channel;
      there.members = subscribed.members;
      there.count = subscribed.members.size();
      take_presence(there);
    }
    // Where the stream begins, until a message says more: at first, and where the old positions are of no more use.
    if (subscribed.position.empty()) return;
    if (subscribed.recovered == false || !subscribed.again) {
      on_their_way_.push_back({output_.given(), subscribed.channel, subscribed.position});
      settle_positions();
    }
  }

  void take_message(const client::Message& message) {
    if (ended_) return;
    std::string line = wish_.json ? push_json(message) : wish_.raw ? raw_text(message.data) : data_line(message.data);
    print(line);
    if (!message.position.empty() && message.pattern.empty()) {
      on_their_way_.push_back({output_.given(), std::string(message.channel), std::string(message.position)});
    }
    if (wish_.count > 0 && ++printed_ == wish_.count) end({incomplete_ ? exit_incomplete : exit_done, ""});
  }

  void take_gap(const client::Gap& gap) {
    if (ended_) return;
    if (!gap.conflated) incomplete_ = true;
    if (wish_.json) print(push_json(gap));
    const std::string lost = gap.lost ? std::to_string(*gap.lost) : std::string("some");
    tell(usage, gap.channel + ": " + lost +
                    (gap.conflated ? " messages were replaced by newer ones"
                                   : " messages were lost here: this reads too slowly"));
  }

  void take_presence(const client::PresenceChange& change) {
    if (ended_) return;
    if (wish_.json) return print(push_json(change));
    using Kind = client::PresenceChange::Kind;
    const auto name = [](const client::Member& member) {
      return (member.user.empty() ? "somebody" : member.user) + " (" + member.session + ")";
    };
    const std::string where = change.channel + ": ";
    switch (change.kind) {
      case Kind::joined: return tell(usage, where + name(change.member) + " has come");
      case Kind::left: return tell(usage, where + name(change.member) + " has gone");
      case Kind::members:
      case Kind::count: return tell(usage, where + std::to_string(change.count) + " there");
    }
  }

  void take_end(const std::string& channel, const client::Error& error) {
    if (ended_) return;
    open_.erase(channel);
    if (wish_.json) print(ended_json(channel, error));
    const std::string why = channel + ": " + error.message;
    // What never began is a mistake; what ends later is the broker's business, and the others go on.
    if (open_.empty() || !live_.contains(channel)) return end({exit_code_of(error), why});
    tell(usage, why);
  }

  void print(std::string line) {
    if (terminal_) line = harmless(line);
    output_.write(line + "\n");
    if (output_.waiting() > output_bytes_max && !std::exchange(paused_, true)) client_.pause();
  }

  void settle_positions() {
    while (!on_their_way_.empty() && on_their_way_.front().end <= output_.written()) {
      positions_[on_their_way_.front().channel] = std::move(on_their_way_.front().position);
      on_their_way_.pop_front();
    }
  }

  void output_changed() {
    settle_positions();
    if (output_.gone()) {
      end({exit_done, ""});  // judge_output() knows more
      return leave_soon();
    }
    if (ended_) return leave_if_done();
    if (paused_ && output_.waiting() < output_bytes_max / 2) {
      paused_ = false;
      client_.resume();
    }
  }

  // Nothing more is taken. What was received goes out first, however long its reader needs.
  void end(Farewell farewell) {
    if (std::exchange(ended_, true)) return;
    farewell_ = std::move(farewell);
    timer_.cancel();
    client_.close([this] {
      closed_ = true;
      leave_if_done();
    });
    leave_if_done();
  }

  void leave_if_done() {
    if (output_.waiting() > 0 && !output_.gone()) return;
    if (closed_) return context_.stop();
    leave_soon();
  }

  // After a signal nobody waits for a reader who does not read, nor ever for a broker that does not say goodbye.
  void leave_soon() {
    if (std::exchange(leaving_, true)) return;
    timer_.expires_after(last_words_max);
    timer_.async_wait([this](const asio::error_code& error) {
      if (!error) context_.stop();
    });
  }

  // Whatever it ended for: what did not get out was not delivered.
  void judge_output() {
    const std::string& fault = output_.fault();
    if (!fault.empty()) {
      farewell_ = {exit_failed, "standard output: " + fault};
    } else if (output_.waiting() > 0 && output_.gone()) {  // as `head` does it: no reason to say anything
      if (wish_.count > 0) farewell_ = {exit_incomplete, ""};
    } else if (output_.waiting() > 0) {
      tell(usage, "nobody reads standard output: the last messages were not written");
      if (farewell_.exit_code == exit_done) farewell_.exit_code = exit_incomplete;
    }
  }

  [[nodiscard]] Farewell time_over() const {
    if (watch_.connections() == 0) return {exit_unreachable, "there was no connection within --timeout"};
    if (wish_.count == 0) return {incomplete_ ? exit_incomplete : exit_done, ""};
    return {exit_incomplete,
            std::to_string(printed_) + " of " + std::to_string(wish_.count) + " messages came within --timeout"};
  }

  void tell_where_to_go_on() const {
    std::string options;
    for (const auto& [channel, position] : positions_) {
      options += " --since ";
      if (wish_.channels.size() > 1) options += channel + "=";
      options += position;
    }
    if (!options.empty()) tell(usage, "go on with" + options);
  }

  // A message that was printed, but perhaps not written yet.
  struct Printed {
    std::uint64_t end;  // in the output
    std::string channel;
    std::string position;
  };

  Wish wish_;
  asio::io_context context_{1};
  Output output_;
  Watch watch_;
  asio::signal_set signals_;
  asio::steady_timer timer_;
  std::set<std::string, std::less<>> open_;  // subscriptions that were asked for and have not ended
  std::set<std::string, std::less<>> live_;  // that the broker has accepted once
  std::map<std::string, std::string> positions_;
  std::deque<Printed> on_their_way_;
  std::uint64_t printed_ = 0;
  bool terminal_;
  bool paused_ = false;
  bool incomplete_ = false;
  bool ended_ = false;
  bool closed_ = false;   // the client
  bool leaving_ = false;  // the timer is for last words
  bool tell_where_ = false;
  Farewell farewell_;
  client::Client client_;  // the last: its handlers use all of the above
};

// The channels, and where each of them begins; the fault names what is wrong.
std::optional<std::string> read_channels(const tools::Options& options, Wish& wish) {
  for (const std::string& channel : options.words()) {
    const bool pattern = command::looks_like_pattern(channel);
    const std::string fault = pattern ? command::check_channel_pattern(channel) : command::check_channel_name(channel);
    if (!fault.empty()) return config::in_quotes(channel) + " " + fault;
    if (std::ranges::count(options.words(), channel) > 1) return channel + ": given twice";
    if (pattern && (options.has("--since") || options.has("--last") || options.has("--presence"))) {
      return channel + ": --since, --last and --presence are for channels, not for patterns";
    }
    wish.channels.push_back(channel);
  }
  for (const std::string& text : options.all("--since")) {
    const std::size_t equals = text.rfind('=');
    const std::string channel = equals == std::string::npos ? wish.channels.front() : text.substr(0, equals);
    const std::string position = equals == std::string::npos ? text : text.substr(equals + 1);
    if (equals == std::string::npos && wish.channels.size() > 1) {
      return "--since: with several channels write CHANNEL=POSITION";
    }
    if (std::ranges::count(wish.channels, channel) == 0) return "--since: " + channel + ": is none of the channels";
    if (!command::Position::parse(position)) {
      return "--since: " + config::in_quotes(position) + ": expected a position, as 8003fwez:17";
    }
    if (!wish.since.emplace(channel, position).second) return "--since: " + channel + ": given twice";
  }
  return std::nullopt;
}

// "" when all of them can be understood.
std::string read_numbers(const tools::Options& options, Wish& wish) {
  if (std::string fault = read_count(options, "--count", wish.count); !fault.empty()) return fault;
  std::uint64_t last = 0;
  if (std::string fault = read_count(options, "--last", last); !fault.empty()) return fault;
  if (last > 0) wish.last = last;
  if (std::string fault = read_time(options, "--timeout", wish.timeout); !fault.empty()) return fault;
  return read_time(options, "--wait", wish.wait);
}

}  // namespace

const config::Usage& sub_usage() {
  return usage;
}

int sub(std::span<const std::string> arguments) {
  tools::Options options;
  if (const auto done = options.parse(usage, arguments)) return finish(*done);
  Wish wish;
  if (const auto fault = read_channels(options, wish)) return fail_usage(usage, *fault);
  if (const std::string fault = read_numbers(options, wish); !fault.empty()) return fail_usage(usage, fault);
  wish.presence = options.has("--presence");
  wish.json = options.has("--json");
  wish.raw = options.has("--raw");
  if (wish.json && wish.raw) return fail_usage(usage, "--json and --raw: one of them");
  const auto link = link_of(options);
  if (!link) return fail(usage, exit_failed, link.error().what);
  auto connection = client_options(*link, usage);
  if (!connection) return fail_usage(usage, connection.error().what);
  wish.connection = std::move(*connection);
  try {
    return Subscriber(std::move(wish)).run();
  } catch (const std::invalid_argument& fault) {
    return fail(usage, exit_usage, in_own_words(fault.what()));
  }
}

}  // namespace crier::cli
