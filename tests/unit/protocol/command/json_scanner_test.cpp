#include "protocol/command/json_scanner.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <random>

#include "protocol/command/json_string.hpp"
#include "protocol/command/quote.hpp"
#include "tests/support/every_cut.hpp"
#include "tests/support/json_judge.hpp"

namespace crier::command {
namespace {

// "" for JSON, otherwise the fault's sentence. Scans a copy of exactly the text's size on the heap, so that a
// sanitizer sees any read beyond its end.
std::string fault_of(std::string_view text) {
  const auto copy = std::make_unique<char[]>(text.size());
  std::copy(text.begin(), text.end(), copy.get());
  const std::string_view exact(copy.get(), text.size());
  const auto fault = check_json(exact);
  return fault ? describe(*fault, exact) : "";
}

TEST(JsonScanner, Takes_every_kind_of_value) {
  for (const std::string_view text : {"{}",
                                      "[]",
                                      "\"\"",
                                      "0",
                                      "-0",
                                      "-1",
                                      "10",
                                      "1.5",
                                      "1e5",
                                      "1E+5",
                                      "1.25e-10",
                                      "true",
                                      "false",
                                      "null",
                                      " \t\r\n1\n",
                                      R"({"a":1,"b":[1,2,{"c":null}],"":""})",
                                      R"([[],[{}],{"a":[]}])",
                                      R"(["\"\\\/\b\f\n\r\t\u00e9\uD83D\uDE00"])",
                                      "\"\x7F\"",
                                      "\"é€😀\"",
                                      "1e999999",
                                      "123456789012345678901234567890.5",
                                      R"({"a":1,"a":2})",
                                      "\"\\u0000\""}) {
    EXPECT_EQ(fault_of(text), "") << text;
  }
}

TEST(JsonScanner, Names_the_byte_what_was_expected_and_what_it_found) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"", "byte 0: expected a value, found the end of the message"},
      {"  ", "byte 2: expected a value, found the end of the message"},
      {R"({"a"})", "byte 4: expected ':' after a key, found '}'"},
      {R"({"a" 1})", "byte 5: expected ':' after a key, found '1'"},
      {R"({"a":})", "byte 5: expected a value, found '}'"},
      {R"({"a":1,})", "byte 7: expected a key after ',', found '}'"},
      {R"({"a":1 "b":2})", "byte 7: expected ',' or '}' after a value, found '\"'"},
      {R"({"a":1])", "byte 6: expected ',' or '}' after a value, found ']'"},
      {"{a:1}", "byte 1: expected a key or '}', found 'a'"},
      {"{,}", "byte 1: expected a key or '}', found ','"},
      {"[1,]", "byte 3: expected a value, found ']'"},
      {"[,1]", "byte 1: expected a value, found ','"},
      {"[1 2]", "byte 3: expected ',' or ']' after a value, found '2'"},
      {"[1}", "byte 2: expected ',' or ']' after a value, found '}'"},
      {"[", "byte 1: expected a value or ']', found the end of the message"},
      {"]", "byte 0: expected a value, found ']'"},
      {"1 2", "byte 2: expected the end of the message, found '2'"},
      {"{}}", "byte 2: expected the end of the message, found '}'"},
      {"'a'", "byte 0: expected a value, found '''"},
      {"// a", "byte 0: expected a value, found '/'"},
      {"\xEF\xBB\xBF{}", "byte 0: expected a value, found a non-ASCII character"},
      {"NaN", "byte 0: expected a value, found 'N'"},
      {"tru", "byte 3: expected 'true', found the end of the message"},
      {"trUe", "byte 2: expected 'true', found 'U'"},
      {"falsy", "byte 4: expected 'false', found 'y'"},
      {"nul!", "byte 3: expected 'null', found '!'"},
      {"truex", "byte 4: expected the end of the message, found 'x'"},
      {std::string_view("\0", 1), "byte 0: expected a value, found a control character (0x00)"},
      {"1\f", "byte 1: expected the end of the message, found a control character (0x0C)"},
  };
  for (const auto& [text, sentence] : cases) EXPECT_EQ(fault_of(text), sentence) << text;
}

TEST(JsonScanner, Holds_numbers_to_the_grammar) {
  EXPECT_EQ(fault_of("-"), "byte 1: expected a digit after '-', found the end of the message");
  EXPECT_EQ(fault_of("-x"), "byte 1: expected a digit after '-', found 'x'");
  EXPECT_EQ(fault_of("01"), "byte 0: expected a number without leading zeros");
  EXPECT_EQ(fault_of("[-012]"), "byte 2: expected a number without leading zeros");
  EXPECT_EQ(fault_of("1."), "byte 2: expected a digit after the decimal point, found the end of the message");
  EXPECT_EQ(fault_of("[1.e5]"), "byte 3: expected a digit after the decimal point, found 'e'");
  EXPECT_EQ(fault_of(".5"), "byte 0: expected a value, found '.'");
  EXPECT_EQ(fault_of("+1"), "byte 0: expected a value, found '+'");
  EXPECT_EQ(fault_of("1e"), "byte 2: expected a digit in the exponent, found the end of the message");
  EXPECT_EQ(fault_of("1e+]"), "byte 3: expected a digit in the exponent, found ']'");
  EXPECT_EQ(fault_of("0x10"), "byte 1: expected the end of the message, found 'x'");
}

TEST(JsonScanner, Refuses_bad_strings_at_the_byte) {
  EXPECT_EQ(fault_of("\"abc"), "byte 4: expected the '\"' that ends a string, found the end of the message");
  EXPECT_EQ(fault_of("\"a\nb\""),
            "byte 2: expected control characters in a string to be escaped, found a control character (0x0A)");
  EXPECT_EQ(fault_of(R"("a\x")"),
            R"(byte 3: expected one of '"', '\', '/', 'b', 'f', 'n', 'r', 't', 'u' after a backslash, found 'x')");
  EXPECT_EQ(fault_of(R"("\u12g4")"), "byte 5: expected four hexadecimal digits after '\\u', found 'g'");
  EXPECT_EQ(fault_of(R"("\u12)"), "byte 5: expected four hexadecimal digits after '\\u', found the end of the message");
}

TEST(JsonScanner, Refuses_lone_surrogates_in_either_order) {
  const std::string half = "expected the second half of a surrogate pair ('\\uDC00' to '\\uDFFF'), found ";
  EXPECT_EQ(fault_of(R"("\uD83D")"), "byte 7: " + half + "'\"'");
  EXPECT_EQ(fault_of(R"("\uD83Dx")"), "byte 7: " + half + "'x'");
  EXPECT_EQ(fault_of(R"("\uD83D\n")"), "byte 8: " + half + "'n'");
  EXPECT_EQ(fault_of(R"("\uD83D\u0041")"), "byte 7: " + half + "'\\'");
  EXPECT_EQ(fault_of(R"("\uD83D\uD83D")"), "byte 7: " + half + "'\\'");
  EXPECT_EQ(fault_of(R"("a\uDE00")"), "byte 2: expected a character, found half of a surrogate pair");
  EXPECT_EQ(fault_of(R"("\uDE00\uD83D")"), "byte 1: expected a character, found half of a surrogate pair");
  EXPECT_EQ(fault_of(R"("\uD800\uDC00\uDBFF\uDFFF\uD7FF\uE000")"), "");
}

TEST(JsonScanner, Takes_64_levels_and_refuses_the_65th) {
  const auto nested = [](std::size_t levels, std::string_view open, std::string_view core, std::string_view close) {
    std::string text;
    for (std::size_t i = 0; i < levels; ++i) text += open;
    text += core;
    for (std::size_t i = 0; i < levels; ++i) text += close;
    return text;
  };
  EXPECT_EQ(fault_of(nested(64, "[", "", "]")), "");
  EXPECT_EQ(fault_of(nested(65, "[", "", "]")), "byte 64: expected at most 64 levels of nesting, found one more");
  EXPECT_EQ(fault_of(nested(64, "{\"a\":", "1", "}")), "");
  EXPECT_EQ(fault_of(nested(65, "{\"a\":", "1", "}")),
            "byte 320: expected at most 64 levels of nesting, found one more");
  EXPECT_EQ(fault_of(nested(32, "[{\"a\":", "1", "}]")), "");
  EXPECT_EQ(fault_of(nested(32, "[{\"a\":", "[]", "}]")),
            "byte 192: expected at most 64 levels of nesting, found one more");
  // Closed levels do not count.
  EXPECT_EQ(fault_of(std::string("[") + nested(63, "[", "", "]") + "," + nested(63, "[", "", "]") + "]"), "");
  EXPECT_EQ(fault_of(std::string(100000, '[')), "byte 64: expected at most 64 levels of nesting, found one more");
}

TEST(JsonScanner, Blames_the_end_of_a_message_that_is_cut_at_any_byte) {
  constexpr std::string_view whole =
      R"({"a":[1,-2.5e+3,true,false,null,{}],"b\n":"x\uD83D\uDE00\"y","c":{"d":"0123456789abcdef0123456789"}})";
  ASSERT_EQ(fault_of(whole), "");
  testing::for_every_cut(whole, [&](std::string_view first, std::string_view second) {
    if (second.empty()) return;
    const std::string sentence = fault_of(first);
    EXPECT_TRUE(sentence.starts_with("byte " + std::to_string(first.size()) + ": ")) << first << " -> " << sentence;
    EXPECT_TRUE(sentence.ends_with("found the end of the message")) << first << " -> " << sentence;
  });
}

TEST(JsonScanner, Gives_members_and_elements_with_their_bytes_and_no_space) {
  constexpr std::string_view text = " { \"a\" : [ 1 , 2 ] , \"b\\n\" : \"x\" } ";
  JsonScanner scanner(text);
  JsonValue key;
  JsonValue value;
  EXPECT_EQ(scanner.peek(), '{');
  EXPECT_EQ(scanner.at(), 1U);
  ASSERT_TRUE(scanner.enter());
  ASSERT_EQ(scanner.next_member(key), JsonScanner::Next::item);
  EXPECT_EQ(key.inside(), "a");
  EXPECT_FALSE(key.escaped);
  ASSERT_EQ(scanner.peek(), '[');
  ASSERT_TRUE(scanner.enter());
  ASSERT_EQ(scanner.next_element(), JsonScanner::Next::item);
  ASSERT_TRUE(scanner.value(value));
  EXPECT_EQ(value.raw, "1");
  ASSERT_EQ(scanner.next_element(), JsonScanner::Next::item);
  ASSERT_TRUE(scanner.value(value));
  ASSERT_EQ(scanner.next_element(), JsonScanner::Next::end);
  ASSERT_EQ(scanner.next_member(key), JsonScanner::Next::item);
  EXPECT_EQ(key.raw, "\"b\\n\"");
  EXPECT_TRUE(key.escaped);
  ASSERT_TRUE(scanner.value(value));
  EXPECT_EQ(value.kind, JsonKind::string);
  EXPECT_EQ(value.raw, "\"x\"");
  ASSERT_EQ(scanner.next_member(key), JsonScanner::Next::end);
  EXPECT_TRUE(scanner.finish());
}

TEST(JsonString, Is_searched_the_same_way_at_every_length_and_place) {
  for (std::size_t size = 0; size <= 70; ++size) {
    for (const char special : {'"', '\\', '\x1F', '\0', '\n'}) {
      for (std::size_t at = 0; at <= size; ++at) {  // at == size: none
        const auto text = std::make_unique<char[]>(size);
        for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>(0x20 + (i * 89 + 1) % 0xE0);
        for (std::size_t i = 0; i < size; ++i) {
          if (is_string_special(text[i])) text[i] = '\x80';
        }
        if (at < size) text[at] = special;
        const char* const begin = text.get();
        const char* const end = begin + size;
        for (std::size_t from = 0; from <= at; ++from) {
          ASSERT_EQ(find_string_special(begin, begin + from, end) - begin, static_cast<std::ptrdiff_t>(at));
          ASSERT_EQ(find_string_special_portable(begin + from, end) - begin, static_cast<std::ptrdiff_t>(at));
        }
      }
    }
  }
}

std::string decoded(std::string_view inside) {
  std::string out(inside.size(), '\0');
  out.resize(decode_json_string(inside, out.data()));
  return out;
}

TEST(JsonString, Is_decoded_to_the_text_that_its_escapes_mean) {
  EXPECT_EQ(decoded(""), "");
  EXPECT_EQ(decoded("plain é"), "plain é");
  EXPECT_EQ(decoded(R"(\"\\\/\b\f\n\r\t)"), "\"\\/\b\f\n\r\t");
  EXPECT_EQ(decoded(R"(a\u0041\u00e9\u20AC\uD83D\uDE00z)"), "aAé€😀z");
  EXPECT_EQ(decoded(R"(\u0000)"), std::string(1, '\0'));
  EXPECT_EQ(decoded(R"(\uDBFF\uDFFF\uFFFF)"), "\xF4\x8F\xBF\xBF\xEF\xBF\xBF");
}

TEST(JsonString, Is_decoded_as_another_library_decodes_it) {
  for (unsigned point = 0; point <= 0x10FFFF; point += point < 0x900 ? 1 : 251) {
    if (point >= 0xD800 && point <= 0xDFFF) continue;
    std::array<char, 16> escape{};
    if (point < 0x10000) {
      std::snprintf(escape.data(), escape.size(), "\\u%04x", point);
    } else {
      std::snprintf(escape.data(), escape.size(), "\\u%04X\\u%04X", 0xD800 + ((point - 0x10000) >> 10),
                    0xDC00 + ((point - 0x10000) & 0x3FF));
    }
    const std::string inside = escape.data();
    ASSERT_EQ(decoded(inside), nlohmann::json::parse(std::string("\"") + inside + '"').get<std::string>()) << inside;
  }
}

TEST(Quote, Is_short_and_printable_whatever_the_text_holds) {
  EXPECT_EQ(quote("abc"), "'abc'");
  EXPECT_EQ(quote(""), "''");
  EXPECT_EQ(quote("a\nb\x1B\x7F"), "'a\\u000Ab\\u001B\\u007F'");
  EXPECT_EQ(quote("\xC2\x9B\x5B é"), "'\\u009B[ é'");
  EXPECT_EQ(quote("0123456789abcdef0123456789abcdef"), "'0123456789abcdef0123456789abcdef'");
  EXPECT_EQ(quote("0123456789abcdef0123456789abcdef0"), "'0123456789abcdef0123456789abcdef…'");
  EXPECT_EQ(quote("0123456789abcdef0123456789abcde€"), "'0123456789abcdef0123456789abcde…'");
}

TEST(JsonScanner, Agrees_with_another_library_on_mutated_documents) {
  const std::string_view documents[] = {
      R"({"op":"publish","channel":"chat:a","data":{"x":[1,-2.5e3,true,null],"y":"a\u00e9\uD83D\uDE00\n"}})",
      R"([0,-0,1e5,10.25,"",[],{},[[{"a":{"b":[false]}}]]])",
      R"("\ud83d\ude00\\\"\/\b\f\n\r\t")",
  };
  constexpr std::string_view alphabet = "{}[]\",:\\/ue+-.0123456789tfnalsrDd8 \t\n\x01xE";
  std::mt19937 random(20240611);
  const auto below = [&](std::size_t n) { return static_cast<std::size_t>(random()) % n; };
  std::size_t accepted = 0;
  for (int round = 0; round < 60000; ++round) {
    std::string text(documents[below(std::size(documents))]);
    for (std::size_t edits = 1 + below(3); edits > 0; --edits) {
      const std::size_t at = below(text.size());
      const char c = alphabet[below(alphabet.size())];
      switch (below(4)) {
        case 0: text[at] = c; break;
        case 1: text.insert(at, 1, c); break;
        case 2: text.erase(at, 1 + below(3)); break;
        default: text.insert(at, text.substr(below(text.size()), below(12))); break;
      }
      if (text.empty()) text.push_back(' ');
    }
    testing::JsonJudge judge;
    const bool theirs = nlohmann::json::sax_parse(text, &judge);
    if (judge.overflow) continue;
    ASSERT_EQ(fault_of(text).empty(), theirs && judge.deepest <= nesting_max) << text << "\n" << fault_of(text);
    if (theirs) ++accepted;
  }
  EXPECT_GT(accepted, 5000U);  // or the comparison would say little
}

}  // namespace
}  // namespace crier::command
