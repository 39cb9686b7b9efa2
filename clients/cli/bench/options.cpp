#include "clients/cli/bench/options.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "broker/config/units.hpp"
#include "broker/tools/options.hpp"
#include "clients/cli/bench/payload.hpp"
#include "clients/cli/exit_code.hpp"
#include "clients/cli/option_values.hpp"
#include "protocol/command/channel_name.hpp"

namespace crier::cli::benchmark {

namespace {

using config::Option;
using std::chrono::milliseconds;

constexpr std::uint32_t subscribers_max = 1'000'000;
constexpr std::uint32_t threads_max = 64;
// What the accounts of messages in flight may take: 16 bytes each, on every thread.
constexpr std::uint64_t in_flight_total_max = 1U << 20U;
constexpr std::int64_t size_max = 64 << 20;
constexpr milliseconds time_max = std::chrono::hours(24);

constexpr std::array own_options = {
    Option{"--subscribers", "N", "Connections that subscribe, to one channel each (default: 100)"},
    Option{"--publishers", "N", "Connections that publish, to channels at random (default: 1)"},
    Option{"--channels", "N", "Channels, over which the subscribers are spread evenly (default: 1)"},
    Option{"--channel", "NAME", "What the channels' names begin with; may have a namespace (default: bench)"},
    Option{"--size", "BYTES[,..]", "Of a message's data; several are taken in turn (default: 128, at least 40)"},
    Option{"--rate", "N", "Messages a second, of all publishers together"},
    Option{"--in-flight", "N", "Without --rate: messages of a publisher on their way at a time (default: 8)"},
    Option{"--acks", "", "Have every publish acknowledged, and measure that too"},
    Option{"--duration", "TIME", "How long to measure (default: 5s)"},
    Option{"--warm-up", "TIME", "How long to run before that (default: 1s)"},
    Option{"--drain", "TIME", "How long to wait for the last messages at most (default: 10s)"},
    Option{"--connect-rate", "N", "Connections a second (default: as fast as the broker takes them)"},
    Option{"--connect-timeout", "TIME", "For each connection, until it is subscribed (default: 10s)"},
    Option{"--threads", "N", "Of this client (default: 1)"},
    Option{"--json", "", "Print one JSON object instead of the table"},
};

constexpr auto bench_options = joined(link_options, own_options);

constexpr std::string_view bench_footer =
    "Every subscriber checks that it gets every message of its channel once, whole, and in each publisher's order.\n"
    "With --rate, latency counts from when a message was due, so that a broker that stalls pays for all that had to\n"
    "wait; without, a publisher sends its next message when one has reached all its subscribers, and latency follows\n"
    "from throughput. It does not reconnect: a connection that ends is counted, and when all are gone (a broker that\n"
    "drains or dies) the run ends and says so.\n"
    "\n"
    "Examples:\n"
    "  crier bench                                             # 100 subscribers of one channel, flat out\n"
    "  crier bench --subscribers 1000 --rate 50                # what latency do they see?\n"
    "  crier bench --subscribers 5000 --channels 1000 --publishers 4\n"
    "  crier bench --subscribers 0 --acks --in-flight 100      # how fast does it take messages?\n"
    "  crier bench --url wss://example.com/message --token-file token.txt --channel chat:load --rate 20 --json\n";

constexpr std::array bench_exit_codes = {
    config::ExitCode{exit_done, "done"},
    config::ExitCode{exit_failed, "the broker refused something, or connections ended"},
    config::ExitCode{exit_usage, "wrong options"},
    config::ExitCode{exit_unreachable, "could not connect"},
    config::ExitCode{exit_incomplete, "messages were lost, came twice, out of order, damaged or on the wrong channel"},
    config::ExitCode{exit_interrupted, "interrupted (SIGINT); what was measured until then is printed"},
    config::ExitCode{exit_terminated, "likewise by SIGTERM"},
};

constexpr config::Usage usage{
    "crier bench",   "[OPTIONS]", "Measure what a broker delivers, and how fast", bench_options, bench_footer, 0, 0,
    bench_exit_codes};

// Reads options one by one; the first fault is kept.
class Reader {
 public:
  explicit Reader(const tools::Options& given) : given_(given) {}

  [[nodiscard]] const std::string& fault() const { return fault_; }
  void fail(const std::string& what) {
    if (fault_.empty()) fault_ = what;
  }

  void whole(std::uint32_t& into, const std::string& name, std::uint32_t min, std::uint32_t max) {
    const auto text = given_.one(name);
    if (!text) return;
    std::uint32_t number = 0;
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), number);
    if (error != std::errc{} || end != text->data() + text->size() || number < min || number > max) {
      return fail(name + ": expected a whole number from " + std::to_string(min) + " to " + std::to_string(max));
    }
    into = number;
  }
  void per_second(double& into, const std::string& name) {
    const auto text = given_.one(name);
    if (!text) return;
    double number = 0;
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), number);
    if (error != std::errc{} || end != text->data() + text->size() || !(number >= 0.01) || number > 1e7) {
      return fail(name + ": expected a number a second, from 0.01 to 10000000");
    }
    into = number;
  }
  void duration(milliseconds& into, const std::string& name, milliseconds min) {
    const auto text = given_.one(name);
    if (!text) return;
    // Nothing at all is a time here, where that makes sense.
    const auto time = *text == "0" || *text == "0s" ? milliseconds(0) : parse_time(*text);
    if (!time || *time < min || *time > time_max) {
      return fail(name + ": expected a time as 500ms, 10s or 5m, " +
                  (min.count() == 0 ? "" : "at least " + config::duration_text(min) + ", ") + "at most 24h");
    }
    into = *time;
  }
  void sizes(std::vector<std::size_t>& into, const std::string& name) {
    const auto text = given_.one(name);
    if (!text) return;
    into.clear();
    for (std::size_t at = 0; at <= text->size();) {
      const std::size_t comma = std::min(text->find(',', at), text->size());
      const auto bytes = config::parse_size(std::string_view(*text).substr(at, comma - at));
      if (!bytes || *bytes < static_cast<std::int64_t>(payload_bytes_min) || *bytes > size_max || into.size() == 100) {
        return fail(name + ": expected sizes as 128 or 128,16KiB, from " + std::to_string(payload_bytes_min) +
                    " bytes (each message says which one it is) to 64MiB, at most 100 of them");
      }
      into.push_back(static_cast<std::size_t>(*bytes));
      at = comma + 1;
    }
  }

 private:
  const tools::Options& given_;
  std::string fault_;
};

void check_channel(const std::string& name, Reader& reader) {
  // The longest that a run makes of it.
  const std::string fault = command::check_channel_name(name + ".00000000.1048575");
  if (!fault.empty()) reader.fail("--channel: a channel's name of this run " + fault);
}

}  // namespace

const config::Usage& options_usage() {
  return usage;
}

Result<Options, tools::Outcome> parse_options(std::span<const std::string> arguments) {
  tools::Options given;
  if (auto done = given.parse(usage, arguments)) return std::move(*done);
  Options options;
  options.channel = given.one("--channel").value_or(options.channel);
  options.acks = given.has("--acks");
  options.json = given.has("--json");

  Reader reader(given);
  reader.whole(options.subscribers, "--subscribers", 0, subscribers_max);
  reader.whole(options.publishers, "--publishers", 1, publishers_max);
  reader.whole(options.channels, "--channels", 1, channels_max);
  reader.whole(options.in_flight, "--in-flight", 1, slots_max);
  reader.whole(options.threads, "--threads", 1, threads_max);
  reader.per_second(options.rate, "--rate");
  reader.per_second(options.connect_rate, "--connect-rate");
  reader.duration(options.duration, "--duration", milliseconds(100));
  reader.duration(options.warm_up, "--warm-up", milliseconds(0));
  reader.duration(options.drain, "--drain", milliseconds(0));
  reader.duration(options.connect_timeout, "--connect-timeout", milliseconds(1));
  reader.sizes(options.sizes, "--size");
  check_channel(options.channel, reader);
  if (given.has("--rate") && given.has("--in-flight")) reader.fail("--in-flight: there is a --rate; expected only one");
  if (options.closed_loop() && std::uint64_t{options.publishers} * options.in_flight > in_flight_total_max) {
    reader.fail("--in-flight: " + std::to_string(in_flight_total_max) + " messages in all at most");
  }
  if (!reader.fault().empty()) return tools::wrong_usage(usage, reader.fault());

  auto link = link_of(given);
  if (!link) return tools::refused(usage, link.error().what);
  options.link = std::move(*link);
  // Nobody would get the messages of a channel without subscribers: their acknowledgements say that they are through.
  if (options.closed_loop() && options.subscribers < options.channels) options.acks = true;
  return options;
}

}  // namespace crier::cli::benchmark
