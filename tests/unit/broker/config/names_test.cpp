#include "broker/config/names.hpp"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace crier::config {
namespace {

constexpr std::array<std::string_view, 5> known{"listen", "threads", "header_bytes_max", "heartbeat", "--log-level"};

TEST(Nearest, Finds_the_name_behind_a_slip_of_any_kind) {
  EXPECT_EQ(nearest("lisen", known), "listen");     // left out
  EXPECT_EQ(nearest("listten", known), "listen");   // put in
  EXPECT_EQ(nearest("lispen", known), "listen");    // replaced
  EXPECT_EQ(nearest("thraeds", known), "threads");  // swapped
  EXPECT_EQ(nearest("Threads", known), "threads");  // case
  EXPECT_EQ(nearest("heart-beat", known), "heartbeat");
  EXPECT_EQ(nearest("header-bytes-max", known), "header_bytes_max");
  EXPECT_EQ(nearest("header_bytes", known), "header_bytes_max");  // half written
  EXPECT_EQ(nearest("--loglevel", known), "--log-level");
}

TEST(Nearest, Says_nothing_when_nothing_is_near) {
  EXPECT_EQ(nearest("", known), "");
  EXPECT_EQ(nearest("x", known), "");
  EXPECT_EQ(nearest("hea", known), "");
  EXPECT_EQ(nearest("certificate", known), "");
  EXPECT_EQ(nearest("listen" + std::string(64, 'x'), known), "");
  EXPECT_EQ(nearest("listen", {}), "");
}

TEST(InQuotes, Keeps_text_readable_and_spells_out_what_would_disturb_a_terminal) {
  EXPECT_EQ(in_quotes("plain"), "\"plain\"");
  EXPECT_EQ(in_quotes("a\"b\\c"), "\"a\\\"b\\\\c\"");
  EXPECT_EQ(in_quotes("\x1B[2J\n\x7F"), "\"\\x1b[2J\\x0a\\x7f\"");
  EXPECT_EQ(in_quotes("grün"), "\"grün\"");
}

TEST(InQuotes, Cuts_long_text_between_characters) {
  EXPECT_EQ(in_quotes(std::string(80, 'a')), "\"" + std::string(80, 'a') + "\"");
  EXPECT_EQ(in_quotes(std::string(81, 'a')), "\"" + std::string(80, 'a') + "…\"");
  EXPECT_EQ(in_quotes(std::string(79, 'a') + "üb"), "\"" + std::string(79, 'a') + "ü…\"");
}

TEST(KeyText, Is_bare_where_toml_allows_it) {
  EXPECT_EQ(key_text("message_bytes-max9"), "message_bytes-max9");
  EXPECT_EQ(key_text("a b"), "\"a b\"");
  EXPECT_EQ(key_text(""), "\"\"");
}

}  // namespace
}  // namespace crier::config
