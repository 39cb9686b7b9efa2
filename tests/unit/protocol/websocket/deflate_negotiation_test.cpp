#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "protocol/websocket/deflate.hpp"
#include "tests/support/every_cut.hpp"

namespace crier::websocket {
namespace {

using testing::for_every_cut;

constexpr std::string_view plain = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
constexpr std::string_view with_15 =
    "permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=15";
constexpr std::string_view with_9 =
    "permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=9";

struct Case {
  std::string_view offer;
  std::string_view answer;  // "": no compression
};

void expect_answers(const std::vector<Case>& cases) {
  for (const Case& c : cases) {
    const DeflateNegotiation negotiation = negotiate_deflate(c.offer);
    EXPECT_FALSE(negotiation.malformed) << c.offer;
    EXPECT_EQ(negotiation.agreement ? extension_header(*negotiation.agreement) : "", c.answer) << c.offer;
    if (!negotiation.agreement) continue;
    EXPECT_EQ(negotiation.agreement->window, c.answer == with_9 ? DeflateWindow::small : DeflateWindow::full)
        << c.offer;
  }
}

TEST(NegotiateDeflate, Answers_each_parameter_as_RFC_7692_defines_it) {
  expect_answers({
      {"permessage-deflate", plain},
      {"permessage-deflate; client_max_window_bits", plain},
      {"permessage-deflate; client_max_window_bits=8", plain},
      {"permessage-deflate; client_max_window_bits=15", plain},
      {"permessage-deflate; client_max_window_bits=\"10\"", plain},
      {"permessage-deflate; server_no_context_takeover", plain},
      {"permessage-deflate; client_no_context_takeover", plain},
      {"permessage-deflate; client_no_context_takeover; server_no_context_takeover; client_max_window_bits", plain},
      {"permessage-deflate; server_max_window_bits=15", with_15},
      {"permessage-deflate; server_max_window_bits=14", with_9},
      {"permessage-deflate; server_max_window_bits=13", with_9},
      {"permessage-deflate; server_max_window_bits=12", with_9},
      {"permessage-deflate; server_max_window_bits=11", with_9},
      {"permessage-deflate; server_max_window_bits=10", with_9},
      {"permessage-deflate; server_max_window_bits=9", with_9},
      {"permessage-deflate; server_max_window_bits=\"15\"", with_15},
      {"permessage-deflate; server_max_window_bits=\"1\\0\"", with_9},
      {"permessage-deflate;client_max_window_bits;server_max_window_bits=10", with_9},
      {"permessage-deflate ;\tclient_max_window_bits = 12 ; server_max_window_bits =15 ", with_15},
  });
}

TEST(NegotiateDeflate, Declines_an_offer_that_RFC_7692_calls_invalid) {
  expect_answers({
      {"permessage-deflate; server_no_context_takeover=1", ""},
      {"permessage-deflate; client_no_context_takeover=true", ""},
      {"permessage-deflate; server_no_context_takeover; server_no_context_takeover", ""},
      {"permessage-deflate; client_no_context_takeover; client_no_context_takeover", ""},
      {"permessage-deflate; client_max_window_bits; client_max_window_bits", ""},
      {"permessage-deflate; client_max_window_bits; client_max_window_bits=10", ""},
      {"permessage-deflate; server_max_window_bits=10; server_max_window_bits=10", ""},
      {"permessage-deflate; server_max_window_bits", ""},
      {"permessage-deflate; server_max_window_bits=8", ""},  // valid, but zlib cannot do it
      {"permessage-deflate; server_max_window_bits=7", ""},
      {"permessage-deflate; server_max_window_bits=16", ""},
      {"permessage-deflate; server_max_window_bits=0", ""},
      {"permessage-deflate; server_max_window_bits=09", ""},
      {"permessage-deflate; server_max_window_bits=010", ""},
      {"permessage-deflate; server_max_window_bits=+9", ""},
      {"permessage-deflate; server_max_window_bits=-9", ""},
      {"permessage-deflate; server_max_window_bits=1", ""},
      {"permessage-deflate; server_max_window_bits=155", ""},
      {"permessage-deflate; server_max_window_bits=9a", ""},
      {"permessage-deflate; client_max_window_bits=7", ""},
      {"permessage-deflate; client_max_window_bits=16", ""},
      {"permessage-deflate; client_max_window_bits=08", ""},
      {"permessage-deflate; client_max_window_bits=4294967305", ""},
      {"permessage-deflate; unknown", ""},
      {"permessage-deflate; client_max_window_bits; unknown=1", ""},
      {"permessage-deflate; Server_no_context_takeover", ""},
      {"x-webkit-deflate-frame", ""},
      {"permessage-bzip2; client_max_window_bits", ""},
      {"PerMessage-Deflate", ""},
  });
}

TEST(NegotiateDeflate, Takes_the_first_acceptable_of_several_offers) {
  expect_answers({
      {"permessage-deflate; server_max_window_bits=10, permessage-deflate", with_9},
      {"permessage-deflate, permessage-deflate; server_max_window_bits=10", plain},
      {"permessage-deflate; server_max_window_bits=8, permessage-deflate; server_max_window_bits=12", with_9},
      {"permessage-deflate; unknown, permessage-deflate; server_max_window_bits=15", with_15},
      {"foo; bar=\"baz\", permessage-deflate", plain},
      {"foo, bar;x, baz;y=1", ""},
      {"permessage-deflate; server_max_window_bits=8, permessage-deflate; server_max_window_bits=16", ""},
      {" , permessage-deflate,, ", plain},  // the # rule's empty elements
  });
}

TEST(NegotiateDeflate, Calls_a_header_malformed_that_breaks_the_grammar_even_behind_a_good_offer) {
  for (const std::string_view header : {"",
                                        " ",
                                        ",",
                                        " , ,",
                                        ";",
                                        "=",
                                        "permessage-deflate;",
                                        "permessage-deflate; ",
                                        "permessage-deflate;;x",
                                        "permessage-deflate x",
                                        "permessage-deflate; a b",
                                        "permessage-deflate; a=",
                                        "permessage-deflate; a= ,b",
                                        "permessage-deflate; =1",
                                        "permessage-deflate; a=1=2",
                                        "permessage-deflate; a=\"",
                                        "permessage-deflate; a=\"1",
                                        "permessage-deflate; a=\"\"",
                                        "permessage-deflate; a=\"1 2\"",
                                        "permessage-deflate; a=\"1,2\"",
                                        "permessage-deflate; a=\"1\\\"\"",
                                        "permessage-deflate; a=\"1\\",
                                        "permessage-deflate; a=\"1\"2",
                                        "permessage-deflate; a=(1)",
                                        "permessage-deflate, foo/bar",
                                        "permessage-deflate, foo;",
                                        "a=1",
                                        "\"a\"",
                                        "permessage-deflate\n",
                                        "permessage-deflate; \x80",
                                        "\xc3\xa4"}) {
    const DeflateNegotiation negotiation = negotiate_deflate(header);
    EXPECT_TRUE(negotiation.malformed) << header;
    EXPECT_EQ(negotiation.agreement, std::nullopt) << header;
  }
  EXPECT_TRUE(negotiate_deflate(std::string_view("permessage-deflate\0", 19)).malformed);
}

TEST(NegotiateDeflate, Knows_at_every_cut_whether_the_header_is_whole_cut_in_a_word_or_malformed) {
  constexpr std::string_view wire = "permessage-deflate; client_max_window_bits=\"10\"";
  for_every_cut(wire, [&](std::string_view first, std::string_view) {
    const DeflateNegotiation negotiation = negotiate_deflate(first);
    const std::size_t size = first.size();
    const bool malformed = size == 0 || (size >= 19 && size <= 20) || (size >= 43 && size < wire.size());
    const bool agreed = size == 18 || size == 42 || size == wire.size();
    EXPECT_EQ(negotiation.malformed, malformed) << first;
    EXPECT_EQ(negotiation.agreement.has_value(), agreed) << first;
  });
}

TEST(NegotiateDeflate, Takes_a_header_as_long_as_a_head_may_be) {
  std::string header;
  while (header.size() < 16 * 1024) header += "a;b=\"c\",";
  EXPECT_FALSE(negotiate_deflate(header).malformed);
  EXPECT_EQ(negotiate_deflate(header + "permessage-deflate").agreement, DeflateAgreement{});
}

}  // namespace
}  // namespace crier::websocket
