#include "protocol/command/cbor_reader.hpp"

#include <gtest/gtest.h>
#include <malloc.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <memory>
#include <nlohmann/json.hpp>
#include <random>

#include "protocol/command/json_codec.hpp"
#include "protocol/command/json_scanner.hpp"
#include "tests/support/cbor_wire.hpp"
#include "tests/support/every_cut.hpp"

namespace crier::command {
namespace {

using testing::cbor_wire;
using testing::hex_of;

// One transcoder for all of a test's messages, as in the broker. Reads a copy of exactly the message's size on the
// heap, so that a sanitizer sees any read beyond its end.
class CborTranscoderTest : public ::testing::Test {
 protected:
  Result<std::string_view> read(std::string_view wire) {
    copy_ = std::make_unique<char[]>(wire.size());
    std::copy(wire.begin(), wire.end(), copy_.get());
    return transcoder_.to_json({copy_.get(), wire.size()});
  }
  std::string json_of_bytes(std::string_view wire) {
    const auto json = read(wire);
    if (!json) return json.error().detail;
    EXPECT_FALSE(check_json(*json)) << *json;
    EXPECT_LE(json->size(), wire.size() * 8);
    return std::string(*json);
  }
  // The JSON of a message in cbor_wire's notation, or why it is refused.
  std::string json_of(std::string_view notation) { return json_of_bytes(cbor_wire(notation)); }
  // A refusal's sentence; what is taken instead.
  std::string refusal_of_bytes(std::string_view wire) {
    const auto json = read(wire);
    if (json) return "taken: " + std::string(*json);
    EXPECT_EQ(json.error().code, ErrorCode::bad_request);
    return json.error().detail;
  }
  std::string refusal_of(std::string_view notation) { return refusal_of_bytes(cbor_wire(notation)); }

 private:
  std::unique_ptr<char[]> copy_;
  CborTranscoder transcoder_;
};

// One element of an array, which is what the top of a message may be.
std::string element(std::string_view hex) {
  return std::string("81").append(hex);
}

TEST_F(CborTranscoderTest, Agrees_with_the_examples_of_rfc_8949) {
  for (const auto& example : testing::cbor_examples) {
    if (example.json.empty()) {
      EXPECT_EQ(refusal_of(element(example.hex)).substr(0, 5), "byte ") << example.hex;
    } else {
      EXPECT_EQ(json_of(element(example.hex)), std::string("[").append(example.json) + ']') << example.hex;
    }
  }
}

TEST_F(CborTranscoderTest, Reads_commands_that_the_parser_takes) {
  JsonCommandParser parser;
  const auto one = read(cbor_wire("a4 'op' 'publish' 'id' 07 'channel' 'news' 'data' a1 'x' f5"));
  ASSERT_TRUE(one);
  EXPECT_EQ(*one, R"({"op":"publish","id":7,"channel":"news","data":{"x":true}})");
  const auto batch = parser.parse(*one);
  ASSERT_TRUE(batch);
  EXPECT_EQ(std::get<Publish>(batch->commands[0].body).data, R"({"x":true})");
  EXPECT_EQ(json_of("82 a1 'op' 'ping' bf 'op' 'ping' 'id' 'a' ff"), R"([{"op":"ping"},{"op":"ping","id":"a"}])");
}

TEST_F(CborTranscoderTest, Turns_a_byte_string_that_is_a_commands_data_into_base64) {
  EXPECT_EQ(json_of("a1 'data' 43 fbff00"), R"({"data":"+/8A","encoding":"base64"})");
  EXPECT_EQ(json_of("a3 'a' 01 'data' 40 'b' 02"), R"({"a":1,"data":"","encoding":"base64","b":2})");
  EXPECT_EQ(json_of("82 a1 'data' 41 00 a1 'data' 42 0001"),
            R"([{"data":"AA==","encoding":"base64"},{"data":"AAE=","encoding":"base64"}])");
  EXPECT_EQ(json_of("9f bf 7f 'da' 60 'ta' ff 41 61 ff ff"), R"([{"data":"YQ==","encoding":"base64"}])");
}

TEST_F(CborTranscoderTest, Makes_the_same_base64_of_bytes_however_they_are_cut_into_chunks) {
  const std::string bytes = cbor_wire("f0e1d2c3b4a59687786b5a4b3c");
  const auto piece = [](std::string_view part) {
    return std::string(1, static_cast<char>(0x40 + part.size())).append(part);
  };
  const std::string whole = json_of_bytes(cbor_wire("a1 'data'") + piece(bytes));
  EXPECT_EQ(whole, R"({"data":"8OHSw7Sllod4a1pLPA==","encoding":"base64"})");
  testing::for_every_cut(bytes, [&](std::string_view first, std::string_view rest) {
    testing::for_every_cut(rest, [&](std::string_view second, std::string_view third) {
      const std::string chunks = '\x5F' + piece(first) + piece(second) + piece(third) + '\xFF';
      EXPECT_EQ(json_of_bytes(cbor_wire("a1 'data'") + chunks), whole) << hex_of(chunks);
    });
  });
}

TEST_F(CborTranscoderTest, Refuses_byte_strings_anywhere_else) {
  const std::string why = "a byte string, which can only be the whole of a command's data";
  EXPECT_EQ(refusal_of("a1 'date' 41 00"), "byte 6: " + why);
  EXPECT_EQ(refusal_of("81 41 00"), "byte 1: " + why);
  EXPECT_EQ(refusal_of("a1 'data' 81 41 00"), "byte 7: " + why);
  EXPECT_EQ(refusal_of("a1 'data' a1 'data' 41 00"), "byte 12: " + why);
  EXPECT_EQ(refusal_of("a2 'data' 01 'id' 41 00"), "byte 10: " + why);
  EXPECT_EQ(refusal_of("81 81 a1 'data' 41 00"), "byte 8: " + why);
  EXPECT_EQ(refusal_of("a1 'x' a1 'data' 5f ff"), "byte 9: " + why);
  EXPECT_EQ(refusal_of("a1 41 61 00"), "byte 1: expected a key that is a text string, found a byte string");
}

TEST_F(CborTranscoderTest, Refuses_an_encoding_beside_bytes_before_and_behind_them) {
  for (const std::string_view notation : {"a2 'data' 41 00 'encoding' 'base64'", "a2 'encoding' 'base64' 'data' 41 00",
                                          "a2 'data' 40 'encoding' f6", "bf 7f 'encod' 'ing' ff 01 'data' 5f ff ff"}) {
    const auto json = read(cbor_wire(notation));
    ASSERT_FALSE(json) << notation;
    EXPECT_EQ(json.error().code, ErrorCode::bad_request);
    EXPECT_EQ(json.error().field, "encoding");
  }
  EXPECT_EQ(refusal_of("a2 'data' 41 00 'encoding' 'base64'"),
            "encoding: must be left out where data is a byte string (byte 8)");
  // Of another command, or of the data itself, it says nothing about these bytes.
  EXPECT_EQ(json_of("82 a2 'encoding' 'base64' 'data' 60 a1 'data' 40"),
            R"([{"encoding":"base64","data":""},{"data":"","encoding":"base64"}])");
  EXPECT_EQ(json_of("82 a1 'data' 40 a1 'encoding' 'x'"), R"([{"data":"","encoding":"base64"},{"encoding":"x"}])");
  EXPECT_EQ(json_of("a2 'x' a1 'encoding' 'x' 'data' 40"), R"({"x":{"encoding":"x"},"data":"","encoding":"base64"})");
}

TEST_F(CborTranscoderTest, Leaves_equal_keys_to_the_parser) {
  JsonCommandParser parser;
  const auto json = read(cbor_wire("a2 'data' 40 'data' 40"));
  ASSERT_TRUE(json);
  const auto batch = parser.parse(*json);
  ASSERT_FALSE(batch);
  EXPECT_EQ(batch.error().error.field, "data");
}

TEST_F(CborTranscoderTest, Takes_integers_from_the_smallest_int64_to_the_largest_uint64) {
  EXPECT_EQ(json_of("82 3b 7fffffffffffffff 1b ffffffffffffffff"), "[-9223372036854775808,18446744073709551615]");
  EXPECT_EQ(refusal_of("81 3b 8000000000000000"), "byte 1: an integer below -2^63");
  EXPECT_EQ(json_of("83 1b 0000000000000001 39 0000 1800"), "[1,-1,0]");  // longer than needed is allowed
}

TEST_F(CborTranscoderTest, Writes_every_half_as_the_shortest_text_of_its_double) {
  std::size_t longest = 0;
  for (unsigned bits = 0; bits <= 0xFFFF; ++bits) {
    std::string wire = cbor_wire("81 f9");
    wire += static_cast<char>(bits >> 8);
    wire += static_cast<char>(bits & 0xFF);
    if ((bits & 0x7C00) == 0x7C00) {
      EXPECT_EQ(refusal_of_bytes(wire), (bits & 0x3FF) == 0 ? "byte 1: an infinity, which JSON cannot say"
                                                            : "byte 1: NaN, which JSON cannot say");
      continue;
    }
    const std::string json = json_of_bytes(wire);
    longest = std::max(longest, json.size() - 2);
    const double value = nlohmann::json::from_cbor(wire)[0].get<double>();
    const auto read_back = nlohmann::json::parse(json)[0];
    ASSERT_TRUE(read_back.is_number_float()) << json;
    ASSERT_EQ(std::bit_cast<std::uint64_t>(read_back.get<double>()), std::bit_cast<std::uint64_t>(value)) << json;
  }
  EXPECT_LE(longest, 23U);  // or the promised bound of the whole does not hold
}

TEST_F(CborTranscoderTest, Writes_doubles_that_round_trip_and_still_look_like_floating_point) {
  std::mt19937_64 random(7);
  for (int round = 0; round < 20000; ++round) {
    std::uint64_t bits = random();
    double value = std::bit_cast<double>(bits);
    if (!std::isfinite(value)) continue;
    if (round % 4 == 0) value = std::trunc(std::fmod(value, 1e25));
    bits = std::bit_cast<std::uint64_t>(value);
    std::string wire = cbor_wire("81 fb");
    for (int shift = 56; shift >= 0; shift -= 8) wire += static_cast<char>(bits >> shift & 0xFF);
    const std::string json = json_of_bytes(wire);
    const auto read_back = nlohmann::json::parse(json)[0];
    ASSERT_TRUE(read_back.is_number_float()) << json;
    ASSERT_EQ(std::bit_cast<std::uint64_t>(read_back.get<double>()), bits) << json;
  }
}

TEST_F(CborTranscoderTest, Escapes_text_as_json_wants_it) {
  EXPECT_EQ(json_of("81 6d 2200015c2f08090a0c0d1f7f20"), R"(["\"\u0000\u0001\\/\b\t\n\f\r\u001f)"
                                                         "\x7F \"]");
  EXPECT_EQ(json_of("a1 62 0a22 'x'"), R"({"\n\"":"x"})");
  EXPECT_EQ(json_of("81 7f 'a' 60 61 22 62 c3bc ff"), "[\"a\\\"\u00fc\"]");
  std::string text(1000, 'a');
  for (std::size_t at = 0; at < text.size(); ++at) {  // wherever it falls into a register
    text[at] = '\n';
    const std::string json = json_of_bytes(cbor_wire("81 79 03e8") + text);
    ASSERT_EQ(json.find("\\n"), at + 2);
    ASSERT_EQ(json.size(), 1005U);
    text[at] = 'a';
  }
}

TEST_F(CborTranscoderTest, Refuses_text_that_is_no_utf_8_at_the_byte) {
  EXPECT_EQ(refusal_of("81 61 80"), "byte 2: text that is no UTF-8");
  EXPECT_EQ(refusal_of("81 62 61c3"), "byte 3: text that is no UTF-8");
  EXPECT_EQ(refusal_of("81 63 eda080"), "byte 2: text that is no UTF-8");    // a surrogate
  EXPECT_EQ(refusal_of("81 62 c080"), "byte 2: text that is no UTF-8");      // overlong
  EXPECT_EQ(refusal_of("81 64 f4908080"), "byte 2: text that is no UTF-8");  // above U+10FFFF
  EXPECT_EQ(refusal_of("81 6c 6161616161616161616161ff"), "byte 13: text that is no UTF-8");
  EXPECT_EQ(refusal_of("a1 61 ff 00"), "byte 2: text that is no UTF-8");
  // A character may not be spread over chunks (RFC 8949 section 3.2.3).
  EXPECT_EQ(refusal_of("81 7f 61c3 61bc ff"), "byte 3: text that is no UTF-8");
}

TEST_F(CborTranscoderTest, Refuses_what_json_cannot_say) {
  EXPECT_EQ(refusal_of("81 c1 00"), "byte 1: a tag (major type 6); tags are not allowed");
  EXPECT_EQ(refusal_of("d9d9f7 a0"), "byte 0: a tag (major type 6); tags are not allowed");
  EXPECT_EQ(refusal_of("a1 'data' c2 41 01"), "byte 6: a tag (major type 6); tags are not allowed");
  EXPECT_EQ(refusal_of("81 f7"), "byte 1: undefined, which JSON cannot say");
  EXPECT_EQ(refusal_of("81 e0"), "byte 1: simple value 0, which JSON cannot say");
  EXPECT_EQ(refusal_of("81 f814"), "byte 1: simple value 20, which JSON cannot say");  // false is one byte
  EXPECT_EQ(refusal_of("81 f8ff"), "byte 1: simple value 255, which JSON cannot say");
  EXPECT_EQ(refusal_of("81 fa7fc00000"), "byte 1: NaN, which JSON cannot say");
  EXPECT_EQ(refusal_of("81 fbfff0000000000000"), "byte 1: an infinity, which JSON cannot say");
  EXPECT_EQ(refusal_of("a1 01 02"), "byte 1: expected a key that is a text string, found an integer");
  EXPECT_EQ(refusal_of("bf 80 02 ff"), "byte 1: expected a key that is a text string, found an array");
  EXPECT_EQ(refusal_of("a1 f5 02"),
            "byte 1: expected a key that is a text string, found a simple value or a floating point number");
}

TEST_F(CborTranscoderTest, Refuses_what_is_neither_a_command_nor_an_array_at_the_top) {
  const std::string why = "byte 0: expected a command (a map), or an array of them, found ";
  EXPECT_EQ(refusal_of("00"), why + "an integer");
  EXPECT_EQ(refusal_of("41 00"), why + "a byte string");
  EXPECT_EQ(refusal_of("'a'"), why + "a text string");
  EXPECT_EQ(refusal_of("f6"), why + "a simple value or a floating point number");
  EXPECT_EQ(refusal_of(""), "byte 0: expected an item, found the end of the message");
}

TEST_F(CborTranscoderTest, Refuses_what_is_not_well_formed) {
  EXPECT_EQ(refusal_of("a0 00"), "byte 1: expected the end of the message");
  EXPECT_EQ(refusal_of("81 00 ff"), "byte 2: expected the end of the message");
  for (const std::string_view information : {"1c", "1d", "1e", "3c", "5d", "7e", "9c", "bd", "dc", "fc", "fd", "fe"}) {
    EXPECT_NE(refusal_of(element(information)).find("which is reserved"), std::string::npos) << information;
  }
  EXPECT_EQ(refusal_of("81 1c"), "byte 1: additional information 28, which is reserved");
  EXPECT_EQ(refusal_of("81 1f"), "byte 1: an integer cannot be of indefinite length");
  EXPECT_EQ(refusal_of("81 3f"), "byte 1: an integer cannot be of indefinite length");
  EXPECT_EQ(refusal_of("81 df"), "byte 1: a tag cannot be of indefinite length");
  EXPECT_EQ(refusal_of("81 ff"), "byte 1: a break where nothing of indefinite length can end");
  EXPECT_EQ(refusal_of("a1 ff 00"), "byte 1: a break where nothing of indefinite length can end");
  EXPECT_EQ(refusal_of("bf 'a' ff"), "byte 3: a break between a key and its value");
  EXPECT_EQ(refusal_of("81 7f 41 00 ff"),
            "byte 2: expected a chunk that is a text string of definite length, or the break");
  EXPECT_EQ(refusal_of("81 7f 7f ff ff"),
            "byte 2: expected a chunk that is a text string of definite length, or the break");
  EXPECT_EQ(refusal_of("a1 'data' 5f 'a' ff"),
            "byte 7: expected a chunk that is a byte string of definite length, or the break");
  EXPECT_EQ(refusal_of("81 7f 00 ff"),
            "byte 2: expected a chunk that is a text string of definite length, or the break");
}

TEST_F(CborTranscoderTest, Refuses_lengths_that_lie_before_it_does_anything) {
  EXPECT_EQ(refusal_of("81 62 61"), "byte 1: a text string of 2 bytes, more than fit into what is left (1)");
  EXPECT_EQ(refusal_of("81 7b ffffffffffffffff 61"),
            "byte 1: a text string of 18446744073709551615 bytes, more than fit into what is left (1)");
  EXPECT_EQ(refusal_of("a1 'data' 5b ffffffffffffffff"),
            "byte 6: a byte string of 18446744073709551615 bytes, more than fit into what is left (0)");
  EXPECT_EQ(refusal_of("a1 'data' 5f 5b 7fffffffffffffff 00 ff"),
            "byte 7: a byte string of 9223372036854775807 bytes, more than fit into what is left (2)");
  EXPECT_EQ(refusal_of("9b ffffffffffffffff 00"),
            "byte 0: an array of 18446744073709551615 elements, more than fit into what is left (1)");
  EXPECT_EQ(refusal_of("bb 8000000000000000 60 00"),  // twice that is 0 in 64 bits
            "byte 0: a map of 9223372036854775808 pairs, more than fit into what is left (2)");
  EXPECT_EQ(refusal_of("a2 60 00 60"), "byte 0: a map of 2 pairs, more than fit into what is left (3)");
  EXPECT_EQ(refusal_of("82 00"), "byte 0: an array of 2 elements, more than fit into what is left (1)");
}

TEST_F(CborTranscoderTest, Refuses_every_beginning_of_a_message) {
  for (const std::string_view notation :
       {"a4 'op' 'publish' 'id' 1903e8 'data' 83 fb3ff199999999999a 3b0000000000000001 f6 'x' 60",
        "bf 'data' 5f 42 0001 41 02 ff 'a' 9f 7f 'b' 'c' ff ff ff", "98 02 a0 9fff"}) {
    const std::string wire = cbor_wire(notation);
    testing::for_every_cut(wire, [&](std::string_view first, std::string_view rest) {
      if (rest.empty()) {
        EXPECT_TRUE(read(first)) << notation;
      } else {
        EXPECT_EQ(refusal_of_bytes(first).substr(0, 5), "byte ") << hex_of(first);
      }
    });
  }
  EXPECT_EQ(refusal_of("81 19 00"), "byte 3: the message ends inside of the head of an item");
  EXPECT_EQ(refusal_of("9f"), "byte 1: expected an item, found the end of the message");
}

TEST_F(CborTranscoderTest, Limits_nesting_in_the_words_of_the_json_scanner) {
  for (const char open : {'\x81', '\x9F'}) {
    std::string deepest(nesting_max - 1, open);
    deepest += '\x80';
    if (open == '\x9F') deepest += std::string(nesting_max - 1, '\xFF');
    EXPECT_EQ(json_of_bytes(deepest), std::string(nesting_max, '[') + std::string(nesting_max, ']'));
    EXPECT_EQ(refusal_of_bytes(std::string(nesting_max, open) + '\x80'),
              "byte 64: expected at most 64 levels of nesting, found one more");
  }
  const auto fault = check_json(std::string(nesting_max + 1, '['));
  ASSERT_TRUE(fault);
  EXPECT_EQ(describe(*fault, std::string(nesting_max + 1, '[')),
            "byte 64: expected at most 64 levels of nesting, found one more");
  EXPECT_EQ(refusal_of_bytes(std::string(100000, '\x81') + '\x00').substr(0, 9), "byte 64: ");
}

TEST_F(CborTranscoderTest, Gives_the_same_answer_after_a_refusal_and_after_a_large_message) {
  const std::string large = cbor_wire("81 7a 00100000") + std::string(1 << 20, '\x01');
  EXPECT_EQ(json_of_bytes(large).size(), (std::size_t{6} << 20) + 4);
  EXPECT_EQ(json_of("a1 'op' 'ping'"), R"({"op":"ping"})");
  EXPECT_EQ(refusal_of("a1 'op'"), "byte 4: expected an item, found the end of the message");
  EXPECT_EQ(json_of("a1 'op' 'ping'"), R"({"op":"ping"})");
}

TEST_F(CborTranscoderTest, Gives_the_memory_of_an_unusually_large_message_back) {
  constexpr std::size_t large_bytes = std::size_t{1} << 20;
  const auto large = read(cbor_wire("81 7a 00100000") + std::string(large_bytes, 'a'));
  ASSERT_TRUE(large);
  EXPECT_GE(malloc_usable_size(const_cast<char*>(large->data())), large_bytes);
  const auto small = read(cbor_wire("a1 'op' 'a longer text than 15'"));
  ASSERT_TRUE(small);
  EXPECT_LE(malloc_usable_size(const_cast<char*>(small->data())), large_bytes / 16);
}

}  // namespace
}  // namespace crier::command
