// `crier top`: what a broker does right now.
#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/signal_set.hpp>
#include <asio/steady_timer.hpp>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <ctime>
#include <optional>
#include <system_error>
#include <utility>

#include <unistd.h>

#include "clients/cli/commands.hpp"
#include "clients/cli/exit_code.hpp"
#include "clients/cli/link.hpp"
#include "clients/cli/option_values.hpp"
#include "clients/cli/signals.hpp"
#include "clients/cli/text.hpp"
#include "clients/cli/top/admin_request.hpp"
#include "clients/cli/top/terminal.hpp"
#include "clients/cli/top/view.hpp"
#include "protocol/http/response_parser.hpp"

namespace crier::cli {

namespace {

using std::chrono::milliseconds;

constexpr std::string_view nobody_there = "does a broker run, with its administrative listener (server.admin) there";
constexpr std::string_view default_admin = "http://127.0.0.1:9008";
constexpr milliseconds answer_time_max{5'000};

constexpr std::array options_table = {
    config::Option{"--admin", "URL", "The administrative listener (default: http://127.0.0.1:9008)"},
    config::Option{"--key-file", "FILE",
                   "The key of a service that manages (default: CRIER_KEY); - reads standard input"},
    config::Option{"--interval", "TIME", "Look that often, in seconds or as 500ms, 2s, 1m (default: 1)"},
    config::Option{"--count", "N", "Print so many tables as text, and end"},
    config::Option{"--json", "", "Print one JSON object for each interval, instead of a table"},
};

constexpr std::string_view footer =
    "On a terminal it takes the whole screen until you press q. Otherwise, and with --count or --json, it prints a\n"
    "table or an object for each interval. Rates and latencies are those of the last interval; the latency is that\n"
    "from reading a publish to having written it to its subscribers. Red is what wants a look: deploy/RUNBOOK.md.\n"
    "\n"
    "Examples:\n"
    "  crier top\n"
    "  crier top --admin http://10.0.0.7:9008 --key-file manager.key\n"
    "  crier top --json --count 1 --interval 10 | jq .publish_to_write_seconds\n"
    "\n"
    "Environment: CRIER_KEY, NO_COLOR.\n";

constexpr config::Usage usage{"crier top", "[OPTIONS]", "Watch what a broker does right now", options_table, footer, 0,
                              0,           exit_codes};

struct Wish {
  AdminPlace place;
  std::string key;
  milliseconds interval{1'000};
  std::uint64_t count = 0;  // 0: until somebody ends it
  bool json = false;
  bool full_screen = false;
};

double wall_now_s() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

std::string clock_text() {
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  ::localtime_r(&now, &local);
  std::array<char, 16> text{};
  static_cast<void>(std::strftime(text.data(), text.size(), "%H:%M:%S", &local));
  return text.data();
}

// Ends by stop(); everything else comes from the loop.
class Top {
 public:
  explicit Top(Wish wish)
      : wish_(std::move(wish)), signals_(context_), screen_signals_(context_), timer_(context_), keys_(context_) {}

  int run() {
    std::signal(SIGPIPE, SIG_IGN);
    add_ends(signals_);
    await_end();
    if (wish_.full_screen) take_screen();
    look();
    context_.run();
    terminal_.leave();
    if (!farewell_.empty()) tell(usage, farewell_);
    if (exit_code_ == exit_unreachable) leave_at_once(exit_code_);
    return exit_code_;
  }

 private:
  void stop(int exit_code, std::string farewell = "") {
    if (context_.stopped()) return;  // the first reason counts
    exit_code_ = exit_code;
    farewell_ = std::move(farewell);
    if (keys_.is_open()) static_cast<void>(keys_.release());
    context_.stop();
  }

  void await_end() {
    signals_.async_wait([this](const asio::error_code& error, int signal) {
      if (!error) stop(128 + signal);
    });
  }

  void take_screen() {
    terminal_.enter();
    screen_signals_.add(SIGWINCH);
    screen_signals_.add(SIGTSTP);
    screen_signals_.add(SIGCONT);
    screen_signals_.add(SIGQUIT);
    await_screen_signal();
    keys_.assign(STDIN_FILENO);
    await_key();
  }

  void await_screen_signal() {
    screen_signals_.async_wait([this](const asio::error_code& error, int signal) {
      if (error) return;
      if (signal == SIGQUIT) return stop(128 + signal);
      if (signal == SIGTSTP || signal == SIGCONT) {
        terminal_.leave();
        if (signal == SIGTSTP) std::raise(SIGSTOP);
        terminal_.enter();
      }
      draw();
      await_screen_signal();
    });
  }

  // Only waits: a read by the loop would make the descriptor, and the shell's with it, non-blocking.
  void await_key() {
    keys_.async_wait(asio::posix::stream_descriptor::wait_read, [this](const asio::error_code& error) {
      if (error) return;
      char key = 0;
      const ssize_t got = ::read(STDIN_FILENO, &key, 1);
      if (got <= 0 || key == 'q' || key == 'Q') return stop(exit_done);
      await_key();
    });
  }

  void look() {
    looked_ = std::chrono::steady_clock::now();
    ask_admin(context_, wish_.place, "/metrics", wish_.key, answer_time_max,
              [this](const AdminAnswer& answer) { take_metrics(answer); });
  }

  void take_metrics(const AdminAnswer& answer) {
    if (answer.status == 0) return miss(exit_unreachable, answer.fault);
    if (answer.status == 401 || answer.status == 403) return stop(exit_failed, refusal(answer));
    if (answer.status != 200) return miss(exit_failed, refusal(answer));
    auto metrics = Metrics::parse(answer.body);
    if (!metrics) return stop(exit_failed, wish_.place.authority + ": what answers there is no broker's /metrics");
    coming_ = Look{std::chrono::steady_clock::now(), wall_now_s(), std::move(*metrics), std::nullopt};
    ask_admin(context_, wish_.place, "/channels?limit=50", wish_.key, answer_time_max,
              [this](const AdminAnswer& channels) {
                if (channels.status == 200) coming_->channels = parse_channels(channels.body);
                if (!coming_->channels) coming_->no_channels = why_no_channels(channels);
                take_look();
              });
  }

  [[nodiscard]] std::string refusal(const AdminAnswer& answer) const {
    const std::string detail = http::parse_problem(answer.body).detail;
    std::string text = wish_.place.authority + ": refused with " + std::to_string(answer.status);
    if (!detail.empty()) text += ": " + ascii_only(detail);
    if (answer.status == 401) text += " (--key-file or CRIER_KEY)";
    if (answer.status == 404) text += " (is that the administrative listener?)";
    return text;
  }

  // /metrics may be open where names of channels are not: they are no figures.
  static std::string why_no_channels(const AdminAnswer& answer) {
    if (answer.status == 401 || answer.status == 403) {
      return "Channels are shown to a key that manages: --key-file or CRIER_KEY.";
    }
    if (answer.status == 404) return "This broker is too old to tell its busiest channels.";
    return "No busiest channels: " + (answer.status == 0 ? answer.fault : std::to_string(answer.status)) + ".";
  }

  void take_look() {
    before_ = std::move(now_);
    now_ = std::move(coming_);
    coming_.reset();
    note_.clear();
    show();
    wait();
  }

  // At the start nobody may ever have been there; later a broker that restarts is what one wants to watch.
  void miss(int exit_code, const std::string& why) {
    if (!now_ && exit_code != exit_unreachable) return stop(exit_code, why);
    if (!now_) return stop(exit_code, wish_.place.authority + ": " + why + "; " + std::string(nobody_there));
    const std::string note = wish_.place.authority + ": " + why + "; asking again";
    if (!wish_.full_screen && note != note_) tell(usage, note);
    note_ = note;
    if (wish_.full_screen) draw();
    wait();
  }

  void wait() {
    timer_.expires_at(std::max(looked_ + wish_.interval, std::chrono::steady_clock::now()));
    timer_.async_wait([this](const asio::error_code& error) {
      if (!error) look();
    });
  }

  void show() {
    if (wish_.full_screen) return draw();
    if (!before_) return;
    print();
    if (wish_.count > 0 && ++shown_ == wish_.count) stop(exit_done);
  }

  [[nodiscard]] Figures figures() const { return figures_of(before_ ? &*before_ : nullptr, *now_); }
  [[nodiscard]] Frame frame() const { return {wish_.place.authority, clock_text(), note_}; }

  void draw() {
    if (!now_) return;
    const Terminal::Size size = Terminal::size();
    const Layout layout{size.columns, size.rows, wants_colour(STDOUT_FILENO), true};
    if (!Terminal::draw(screen_of(figures(), frame(), layout))) stop(exit_done);
  }

  void print() {
    std::string text;
    if (wish_.json) {
      text = json_of(figures(), frame(), now_->wall_s) + "\n";
    } else {
      for (const std::string& line : screen_of(figures(), frame(), {80, 0, wants_colour(STDOUT_FILENO), false})) {
        text += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
      }
      text += "\n";
    }
    const bool written = std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0;
    if (written) return;
    const int fault = errno;  // EPIPE: whoever read it has gone
    stop(fault == EPIPE ? exit_done : exit_failed,
         fault == EPIPE ? "" : "standard output: " + std::generic_category().message(fault));
  }

  Wish wish_;
  asio::io_context context_{1};
  asio::signal_set signals_;
  asio::signal_set screen_signals_;
  asio::steady_timer timer_;
  asio::posix::stream_descriptor keys_;
  Terminal terminal_;
  std::chrono::steady_clock::time_point looked_;
  std::optional<Look> before_, now_, coming_;
  std::string note_;
  std::uint64_t shown_ = 0;
  int exit_code_ = exit_done;
  std::string farewell_;
};

}  // namespace

const config::Usage& top_usage() {
  return usage;
}

int top(std::span<const std::string> arguments) {
  tools::Options options;
  if (const auto done = options.parse(usage, arguments)) return finish(*done);
  auto place = parse_admin(options.one("--admin").value_or(std::string(default_admin)));
  if (!place) return fail_usage(usage, "--admin: " + place.error().what);
  Wish wish;
  wish.place = std::move(*place);
  if (const auto fault = read_time(options, "--interval", wish.interval); !fault.empty()) {
    return fail_usage(usage, fault);
  }
  if (const auto fault = read_count(options, "--count", wish.count); !fault.empty()) return fail_usage(usage, fault);
  auto key = read_secret(options, "--key-file", "CRIER_KEY");
  if (!key) return fail(usage, exit_failed, key.error().what);
  wish.key = std::move(*key);
  wish.json = options.has("--json");
  wish.full_screen = !wish.json && wish.count == 0 && Terminal::usable();
  return Top(std::move(wish)).run();
}

}  // namespace crier::cli
