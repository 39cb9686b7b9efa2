#include "broker/runtime/log.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>

namespace crier::runtime {
namespace {

// What one call writes to stderr.
std::string logged(LogLevel threshold, bool json, LogLevel level, std::string_view event,
                   std::initializer_list<LogField> fields = {}) {
  ::testing::internal::CaptureStderr();
  start_log(threshold, json);
  log(level, event, fields);
  finish_log();
  return ::testing::internal::GetCapturedStderr();
}

// Everything a peer could try: quotes, line ends, escapes, a terminal's control sequences, what a formatter
// would take for a place to fill in.
const std::string nasty("a\"b\\c\nd\re\tf\x1b[31m\x7f{}%v\0z", 23);

TEST(Log, Writes_one_line_of_json_that_gives_back_what_went_in_whatever_that_was) {
  const std::string line = logged(LogLevel::info, true, LogLevel::warn, "refused", {{"peer", nasty}, {"n", "1"}});
  ASSERT_EQ(std::count(line.begin(), line.end(), '\n'), 1);
  const nlohmann::json entry = nlohmann::json::parse(line);
  EXPECT_EQ(entry["event"], "refused");
  EXPECT_EQ(entry["peer"], nasty);
  EXPECT_EQ(entry["n"], "1");
  EXPECT_TRUE(entry["level"] == "warning" || entry["level"] == "warn") << entry["level"];
}

TEST(Log, Writes_one_line_of_text_in_which_no_value_can_break_or_forge_a_line) {
  const std::string line = logged(LogLevel::info, false, LogLevel::info, "refused", {{"peer", nasty}});
  EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 1);
  EXPECT_TRUE(line.ends_with("refused peer=\"a\\\"b\\\\c\\u000ad\\u000de\\u0009f\\u001b[31m\\u007f{}%v\\u0000z\"\n"))
      << line;
}

TEST(Log, Is_silent_below_its_level) {
  EXPECT_EQ(logged(LogLevel::warn, false, LogLevel::info, "chatter"), "");
  EXPECT_NE(logged(LogLevel::warn, false, LogLevel::warn, "news"), "");
  EXPECT_NE(logged(LogLevel::debug, true, LogLevel::debug, "detail"), "");
}

}  // namespace
}  // namespace crier::runtime
