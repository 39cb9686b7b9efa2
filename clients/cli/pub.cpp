// `crier pub`: what its options ask for.
#include <array>
#include <charconv>
#include <optional>
#include <stdexcept>
#include <utility>

#include "broker/config/names.hpp"
#include "clients/cli/commands.hpp"
#include "clients/cli/exit_code.hpp"
#include "clients/cli/option_values.hpp"
#include "clients/cli/publisher.hpp"
#include "protocol/command/channel_name.hpp"

namespace crier::cli {

namespace {

constexpr std::array own_options = {
    config::Option{"--file", "FILE", "Publish the lines of FILE; `-` as DATA: those of standard input"},
    config::Option{"--json", "", "DATA, or every line, is JSON; otherwise it is sent as a JSON string"},
    config::Option{"--key", "KEY",
                   "Idempotency key: the same key again is the same message, as long as the\n"
                   "broker remembers it (the namespace's idempotency_window, 2 minutes by\n"
                   "default). Of lines: KEY:1, KEY:2, ..., so that a file can be sent again\n"
                   "within that time"},
    config::Option{"--no-key", "",
                   "Without keys, and nothing is sent again: what was on its way at a cut is\n"
                   "told as not acknowledged"},
    config::Option{"--rate", "N/s", "At most so many messages a second (default: as fast as they are taken)"},
    config::Option{"--exclude", "SESSION", "A session that does not get it"},
    config::Option{"--conflate", "KEY", "What a newer message replaces, for slow subscribers"},
    config::Option{"--ttl", "TIME", "Shortens its life in the history: 30s, 5m, or seconds"},
    config::Option{"--print", "", "Print the position of each message that was acknowledged"},
    config::Option{"--timeout", "TIME", "Wait so long for an acknowledgement (default: 30s)"},
    wait_option,
};
constexpr auto options_table = joined(own_options, link_options);

constexpr std::string_view footer =
    "Every message is acknowledged by the broker before it counts as published. Lines are sent many at a time and in\n"
    "their order; after a cut those without an acknowledgement are sent again, so that none is lost. None comes twice\n"
    "as long as each has a key, which a broker remembers for a while, but not any number of them: without --key it is\n"
    "the first 10,000 lines, and then 100 a second. Of others some may come twice after a cut, or behind later ones;\n"
    "that is told. A line that the broker refuses is told by its number, and the others go on. Over its rate limit\n"
    "lines wait and are sent again, then perhaps behind later ones.\n"
    "\n"
    "Examples:\n"
    "  crier pub news 'hello, world'\n"
    "  crier pub orders.new '{\"id\":17}' --json --key order-17\n"
    "  tail -f app.log | crier pub logs.app - --rate 100/s\n"
    "  crier pub orders.new --file orders.jsonl --json --key import-2026-11\n"
    "\n"
    "Environment: CRIER_URL, CRIER_TOKEN.\n";

constexpr config::Usage usage{
    "crier pub", "CHANNEL (DATA | - | --file FILE) [OPTIONS]", "Publish messages", options_table, footer, 1, 2,
    exit_codes};

constexpr std::size_t key_bytes_max = 128;

std::optional<double> parse_rate(std::string_view text) {
  if (text.ends_with("/s")) text.remove_suffix(2);
  double rate = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), rate);
  if (error != std::errc{} || end != text.data() + text.size() || !(rate >= 0.001 && rate <= 1e9)) return std::nullopt;
  return rate;
}

// "" when it is clear what to publish.
std::string read_source(const tools::Options& options, PublishWish& wish) {
  wish.channel = options.words().front();
  if (command::looks_like_pattern(wish.channel)) return wish.channel + ": messages go to a channel, not to a pattern";
  if (const std::string fault = command::check_channel_name(wish.channel); !fault.empty()) {
    return config::in_quotes(wish.channel) + " " + fault;
  }
  const bool word = options.words().size() > 1;
  if (word == options.has("--file")) return "what to publish? DATA, - for the lines of standard input, or --file FILE";
  wish.file = options.one("--file").value_or("-");
  if (word && options.words()[1] != "-") wish.data = options.words()[1];
  if (!wish.data && wish.file == "-" && options.one("--token-file") == "-") {
    return "--token-file: standard input is for the lines";
  }
  return "";
}

// "" when all of them can be understood.
std::string read_form(const tools::Options& options, PublishWish& wish) {
  wish.json = options.has("--json");
  wish.print = options.has("--print");
  wish.key = options.one("--key").value_or("");
  const std::size_t suffix = wish.data ? 0 : 21;  // ":" and a line's number
  if (wish.key.size() + suffix > key_bytes_max) {
    return "--key: at most " + std::to_string(key_bytes_max - suffix) + " bytes";
  }
  if (options.has("--key") && wish.key.empty()) return "--key: is empty";
  wish.keyed = !options.has("--no-key");
  if (!wish.keyed && options.has("--key")) return "--key and --no-key: one of them";
  wish.form.exclude = options.one("--exclude").value_or("");
  wish.form.conflate = options.one("--conflate").value_or("");
  if (const auto text = options.one("--rate")) {
    const auto rate = parse_rate(*text);
    if (!rate) return "--rate: expected messages a second, as 100/s";
    wish.rate = *rate;
  }
  if (const auto text = options.one("--ttl")) {
    const auto ttl = parse_time(*text);
    if (!ttl || ttl->count() % 1000 != 0) return "--ttl: expected whole seconds, as 30s or 5m";
    wish.form.ttl = std::chrono::duration_cast<std::chrono::seconds>(*ttl);
  }
  if (std::string fault = read_time(options, "--timeout", wish.connection.command_timeout); !fault.empty())
    return fault;
  return read_time(options, "--wait", wish.wait);
}

}  // namespace

const config::Usage& pub_usage() {
  return usage;
}

int pub(std::span<const std::string> arguments) {
  tools::Options options;
  if (const auto done = options.parse(usage, arguments)) return finish(*done);
  PublishWish wish;
  if (const std::string fault = read_source(options, wish); !fault.empty()) return fail_usage(usage, fault);
  const auto link = link_of(options);
  if (!link) return fail(usage, exit_failed, link.error().what);
  auto connection = client_options(*link, usage);
  if (!connection) return fail_usage(usage, connection.error().what);
  wish.connection = std::move(*connection);
  if (const std::string fault = read_form(options, wish); !fault.empty()) return fail_usage(usage, fault);
  if (wish.data) {
    if (const auto data = publish_data(*wish.data, wish.json); !data)
      return fail_usage(usage, "DATA " + data.error().what);
  }
  try {
    return publish(usage, std::move(wish));
  } catch (const std::invalid_argument& fault) {
    return fail(usage, exit_usage, in_own_words(fault.what()));
  }
}

}  // namespace crier::cli
