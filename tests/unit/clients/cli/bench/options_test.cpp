#include "clients/cli/bench/options.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace crier::cli::benchmark {
namespace {

using std::chrono::milliseconds;

Options parsed(const std::vector<std::string>& words) {
  auto options = parse_options(words);
  EXPECT_TRUE(options) << options.error().errors;
  return options ? *options : Options{};
}

tools::Outcome refused(const std::vector<std::string>& words) {
  auto options = parse_options(words);
  EXPECT_FALSE(options) << words.front();
  return options ? tools::Outcome{} : options.error();
}

TEST(BenchOptions, Have_defaults_that_measure_something) {
  const Options options = parsed({});
  EXPECT_EQ(options.link.url, "ws://127.0.0.1:8008/message");
  EXPECT_EQ(options.subscribers, 100U);
  EXPECT_TRUE(options.closed_loop());
  EXPECT_FALSE(options.acks);
  EXPECT_EQ(options.connections(), 101U);
}

TEST(BenchOptions, Are_read_as_people_write_them) {
  const Options options =
      parsed({"--rate=0.5", "--size", "128,16KiB", "--duration", "500ms", "--warm-up=0s", "--channel", "chat:load"});
  EXPECT_EQ(options.rate, 0.5);
  EXPECT_EQ(options.sizes, (std::vector<std::size_t>{128, 16'384}));
  EXPECT_EQ(options.duration, milliseconds(500));
  EXPECT_EQ(options.warm_up, milliseconds(0));
  EXPECT_EQ(options.channel, "chat:load");
  EXPECT_FALSE(options.closed_loop());
}

TEST(BenchOptions, Want_acknowledgements_where_nobody_listens_in_a_closed_loop) {
  EXPECT_TRUE(parsed({"--subscribers", "0"}).acks);
  EXPECT_TRUE(parsed({"--subscribers", "5", "--channels", "6"}).acks);
  EXPECT_FALSE(parsed({"--subscribers", "6", "--channels", "6"}).acks);
  EXPECT_FALSE(parsed({"--subscribers", "0", "--rate", "5"}).acks);
}

TEST(BenchOptions, Are_refused_with_what_was_expected) {
  const std::vector<std::vector<std::string>> wrong = {{"--size", "39"},
                                                       {"--size", "128,"},
                                                       {"--size", "65MiB"},
                                                       {"--rate", "0"},
                                                       {"--rate", "nan"},
                                                       {"--rate", "1e8"},
                                                       {"--rate", "5x"},
                                                       {"--publishers", "0"},
                                                       {"--subscribers", "-1"},
                                                       {"--channels", "9999999"},
                                                       {"--threads", "65"},
                                                       {"--duration", "5x"},
                                                       {"--duration", "25h"},
                                                       {"--channel", "a b"},
                                                       {"--channel", "a..b"},
                                                       {"--in-flight", "0"},
                                                       {"--rate=1", "--in-flight=1"},
                                                       {"--publishers=4096", "--in-flight=65536"}};
  for (const auto& words : wrong) {
    const tools::Outcome outcome = refused(words);
    EXPECT_EQ(outcome.exit_code, tools::exit_usage) << words.front();
    EXPECT_NE(outcome.errors.find("crier bench: --"), std::string::npos) << outcome.errors;
  }
}

TEST(BenchOptions, Explain_themselves) {
  const tools::Outcome outcome = refused({"--help"});
  EXPECT_EQ(outcome.exit_code, tools::exit_done);
  EXPECT_NE(outcome.output.find("Exit codes:"), std::string::npos);
}

}  // namespace
}  // namespace crier::cli::benchmark
