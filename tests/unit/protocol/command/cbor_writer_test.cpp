#include "protocol/command/cbor_writer.hpp"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <memory>
#include <nlohmann/json.hpp>
#include <random>

#include "protocol/command/base64.hpp"
#include "protocol/command/cbor_number.hpp"
#include "protocol/command/cbor_reader.hpp"
#include "protocol/command/json_scanner.hpp"
#include "tests/support/cbor_wire.hpp"
#include "tests/support/json_judge.hpp"

namespace crier::command {
namespace {

using testing::cbor_wire;
using testing::hex_of;

// Writes from a copy of exactly the text's size on the heap, so that a sanitizer sees any read beyond its end; also
// holds the promised size to what was written.
std::string cbor_of(std::string_view json, JsonOrigin origin = JsonOrigin::client) {
  const auto copy = std::make_unique<char[]>(json.size());
  std::copy(json.begin(), json.end(), copy.get());
  std::string out = "before";
  append_cbor(out, {copy.get(), json.size()}, origin);
  EXPECT_EQ(out.substr(0, 6), "before");
  out.erase(0, 6);
  EXPECT_LE(out.size(), json.size() * 3 + 8) << json;
  return out;
}

std::string ours(std::string_view json) {
  return hex_of(cbor_of(json, JsonOrigin::broker));
}

std::string hex(std::string_view notation) {
  return hex_of(cbor_wire(notation));
}

std::string float_of(double value) {
  std::string out;
  append_cbor_float(out, value);
  return out;
}

TEST(CborWriter, Agrees_with_the_examples_of_rfc_8949) {
  for (const auto& example : testing::cbor_examples) {
    if (example.json.empty() || !example.ours) continue;
    EXPECT_EQ(hex_of(cbor_of(example.json)), example.hex) << example.json;
  }
}

TEST(CborWriter, Writes_integers_in_the_shortest_form_up_to_64_bit) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"23", "17"},
      {"24", "1818"},
      {"255", "18ff"},
      {"256", "190100"},
      {"65535", "19ffff"},
      {"65536", "1a00010000"},
      {"4294967295", "1affffffff"},
      {"4294967296", "1b0000000100000000"},
      {"18446744073709551615", "1bffffffffffffffff"},
      {"-24", "37"},
      {"-25", "3818"},
      {"-256", "38ff"},
      {"-257", "390100"},
      {"-9223372036854775808", "3b7fffffffffffffff"},
      // Beyond, the double that JavaScript would read.
      {"18446744073709551616", "fa5f800000"},
      {"-9223372036854775809", "fadf000000"},
      {"123456789012345678901234567890", "fb45f8ee90ff6c373e"},
      {"-0", "f98000"},
  };
  for (const auto& [json, wire] : cases) EXPECT_EQ(hex_of(cbor_of(json)), wire) << json;
}

TEST(CborWriter, Writes_other_numbers_as_the_shortest_that_keeps_the_double) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"1.0", "f93c00"},
      {"1e2", "f95640"},
      {"1E+2", "f95640"},
      {"-0.0", "f98000"},
      {"0e5", "f90000"},
      {"0.1", "fb3fb999999999999a"},
      {"65504.0", "f97bff"},
      {"65505.0", "fa477fe100"},
      {"65536.0", "fa47800000"},
      {"5.9604644775390625e-8", "f90001"},
      {"2.98023223876953125e-8", "fa33000000"},
      {"6.097555160522461e-05", "f903ff"},  // the largest subnormal half
      {"1.401298464324817e-45", "fa00000001"},
      {"5e-324", "fb0000000000000001"},
      {"3.4028234663852888e+38", "fb47efffffe0000001"},
      // Beyond a double's range.
      {"1e999", "f97c00"},
      {"-1e999", "f9fc00"},
      {"1e-999", "f90000"},
      {"-1e-999", "f98000"},
      {"2e-324", "f90000"},
      {"1.8e308", "f97c00"},
      {"0.1e310", "f97c00"},
      {"1000000000000000000e-400", "f90000"},
      {"0.00000000000000000001e400", "f97c00"},
      {"1e99999999999999999999", "f97c00"},
      {"1e-99999999999999999999", "f90000"},
      {"0e99999999999999999999", "f90000"},
  };
  for (const auto& [json, wire] : cases) EXPECT_EQ(hex_of(cbor_of(json)), wire) << json;
  EXPECT_EQ(hex_of(cbor_of(std::string("1").append(400, '0'))), "f97c00");
  EXPECT_EQ(hex_of(cbor_of(std::string("0.").append(400, '0').append("1"))), "f90000");
}

TEST(CborWriter, Finds_the_half_of_every_number_that_has_one) {
  for (unsigned bits = 0; bits <= 0xFFFF; ++bits) {
    if ((bits & 0x7C00) == 0x7C00 && (bits & 0x3FF) != 0) continue;  // NaN
    std::string wire = cbor_wire("f9");
    wire += static_cast<char>(bits >> 8);
    wire += static_cast<char>(bits & 0xFF);
    const double value = nlohmann::json::from_cbor(wire).get<double>();
    ASSERT_EQ(hex_of(float_of(value)), hex_of(wire));
    if (std::isinf(value)) continue;
    // Its neighbours have none.
    const double above = std::nextafter(value, std::numeric_limits<double>::infinity());
    ASSERT_EQ(float_of(above).size(), 9U) << value;
    const float single = std::nextafter(static_cast<float>(value), std::numeric_limits<float>::infinity());
    ASSERT_EQ(float_of(single).size(), 5U) << value;
  }
}

TEST(CborWriter, Keeps_every_single_and_double) {
  std::mt19937_64 random(11);
  for (int round = 0; round < 20000; ++round) {
    const std::uint64_t bits = random();
    const auto single = static_cast<double>(std::bit_cast<float>(static_cast<std::uint32_t>(bits)));
    for (const double value : {single, std::bit_cast<double>(bits)}) {
      if (std::isnan(value)) continue;
      const double back = nlohmann::json::from_cbor(float_of(value)).get<double>();
      ASSERT_EQ(std::bit_cast<std::uint64_t>(back), std::bit_cast<std::uint64_t>(value));
    }
    ASSERT_LE(float_of(single).size(), std::isnan(single) ? 9U : 5U);
  }
}

TEST(CborWriter, Skips_white_space) {
  EXPECT_EQ(hex_of(cbor_of(" {\t\"a\" :\n[ 1 , true ,\r\n{ } ] , \"b\": null}\n")), hex("a2 'a' 83 01 f5 a0 'b' f6"));
  EXPECT_EQ(hex_of(cbor_of(" 1.5 ")), "f93e00");
}

TEST(CborWriter, Decodes_strings_and_gives_them_the_shortest_head) {
  EXPECT_EQ(hex_of(cbor_of(R"("\"\\\/\b\f\n\r\t\u00e9\uD83D\uDE00x")")), hex("6f 225c2f08 0c0a0d09 c3a9 f09f9880 78"));
  // Wherever the text is so much shorter than the JSON that its head is too.
  for (const std::size_t bytes : {std::size_t{0}, std::size_t{23}, std::size_t{24}, std::size_t{255}, std::size_t{256},
                                  std::size_t{65535}, std::size_t{65536}}) {
    for (const std::size_t escapes : {std::size_t{0}, std::size_t{1}, bytes / 2, bytes}) {
      if (escapes > bytes) continue;
      std::string json = "\"";
      for (std::size_t i = 0; i < escapes; ++i) json += "\\u0041";
      json.append(bytes - escapes, 'A').append("\"");
      std::string expected;
      append_cbor_head(expected, CborMajor::text_string, bytes);
      expected.append(bytes, 'A');
      ASSERT_TRUE(cbor_of(json) == expected) << bytes << ' ' << escapes;
    }
  }
}

TEST(CborWriter, Gives_arrays_and_maps_a_definite_length_up_to_23) {
  std::string array = "0";
  std::string map = "\"k\":0";
  for (int i = 1; i < 23; ++i) {
    array += ",0";
    map += ",\"k\":0";
  }
  std::string elements(23, '\0');
  std::string pairs;
  for (int i = 0; i < 23; ++i) pairs += cbor_wire("'k' 00");
  EXPECT_EQ(hex_of(cbor_of("[" + array + "]")), "97" + hex_of(elements));
  EXPECT_EQ(hex_of(cbor_of("{" + map + "}")), "b7" + hex_of(pairs));
  EXPECT_EQ(hex_of(cbor_of("[" + array + ",0]")), "9f" + hex_of(elements) + "00ff");
  EXPECT_EQ(hex_of(cbor_of("{" + map + ",\"k\":0}")), "bf" + hex_of(pairs) + hex("'k' 00 ff"));
  EXPECT_EQ(hex_of(cbor_of("[[" + array + ",0],{}]")), "82" + ("9f" + hex_of(elements)) + "00ffa0");
}

TEST(CborWriter, Has_room_for_the_deepest_value_inside_of_a_reply) {
  const std::string data = std::string(nesting_max - 1, '[') + std::string(nesting_max - 1, ']');
  const std::string reply = R"({"op":"history","messages":[{"data":)" + data + "}]}";
  EXPECT_EQ(nlohmann::json::from_cbor(cbor_of(reply, JsonOrigin::broker)), nlohmann::json::parse(reply));
}

TEST(CborWriter, Writes_a_messages_bytes_as_a_byte_string) {
  EXPECT_EQ(ours(R"({"op":"message","data":"AAE=","encoding":"base64","time":1})"),
            hex("a3 'op' 'message' 'data' 420001 'time' 01"));
  EXPECT_EQ(
      ours(R"({"op":"history","messages":[{"data":"","encoding":"base64","time":1},{"data":"AAE="}],"more":true})"),
      hex("a3 'op' 'history' 'messages' 82 a2 'data' 40 'time' 01 a1 'data' 'AAE=' 'more' f5"));
  EXPECT_EQ(ours(R"([{"data":"YQ==","encoding":"base64"},{"messages":[{"data":"YWI=","encoding":"base64"}]}])"),
            hex("82 a1 'data' 4161 a1 'messages' 81 a1 'data' 426162"));
}

TEST(CborWriter, Leaves_a_clients_encoding_alone_wherever_it_stands) {
  const std::string member = R"("data":"AAE=","encoding":"base64")";
  const std::string object = '{' + member + '}';
  const std::string as_text = hex("a2 'data' 'AAE=' 'encoding' 'base64'");
  EXPECT_EQ(hex_of(cbor_of(object)), as_text);
  EXPECT_EQ(hex_of(cbor_of(R"({"messages":[)" + object + "]}")), hex("a1 'messages' 81") + as_text);
  EXPECT_EQ(ours(R"({"data":)" + object + '}'), hex("a1 'data'") + as_text);
  EXPECT_EQ(ours(R"({"messages":[{"data":)" + object + "}]}"), hex("a1 'messages' 81 a1 'data'") + as_text);
  EXPECT_EQ(ours(R"({"data":{"messages":[)" + object + "]}}"), hex("a1 'data' a1 'messages' 81") + as_text);
  EXPECT_EQ(ours(R"({"messages":[[)" + object + "]]}"), hex("a1 'messages' 81 81") + as_text);
  EXPECT_EQ(ours(R"({"members":[)" + object + "]}"), hex("a1 'members' 81") + as_text);
  EXPECT_EQ(ours(R"({"messages":)" + object + '}'), hex("a1 'messages'") + as_text);
  EXPECT_EQ(ours(R"({"messages":{"a":)" + object + "}}"), hex("a1 'messages' a1 'a'") + as_text);
  EXPECT_EQ(ours("[[" + object + "]]"), hex("81 81") + as_text);
  // Only data is bytes, and only where encoding is behind it.
  EXPECT_EQ(ours(R"({"user":"AAE=","encoding":"base64"})"), hex("a2 'user' 'AAE=' 'encoding' 'base64'"));
  EXPECT_EQ(ours(R"({"data":["AAE="],"encoding":"base64"})"), hex("a2 'data' 81 'AAE=' 'encoding' 'base64'"));
  EXPECT_EQ(ours(R"({"data":"AAE=","encoding":"base6"})"), hex("a2 'data' 'AAE=' 'encoding' 'base6'"));
}

TEST(CborWriter, Writes_a_push_as_the_way_through_json_would) {
  const std::string text = R"({"a":[1,2.5,"\u00e9"],"data":"AAE=","encoding":"base64"})";
  for (const std::string_view pattern : {"", "news.*"}) {
    for (const std::string_view epoch : {"", "k3"}) {
      for (const auto& [data, encoding] :
           {std::pair{std::string_view(text), Encoding::json}, std::pair{std::string_view(" 1 "), Encoding::json},
            std::pair{std::string_view(R"("AAECAw==")"), Encoding::base64},
            std::pair{std::string_view(R"("")"), Encoding::base64}}) {
        const MessagePush push{"news.uk", pattern, data, encoding, epoch, 42, 1'700'000'000'000};
        std::string direct;
        append_cbor_message(direct, push);
        std::string json;
        append_json(json, push);
        EXPECT_EQ(hex_of(direct), ours(json)) << json;
      }
    }
  }
}

TEST(CborWriter, Writes_every_member_of_a_push) {
  std::string out;
  append_cbor_message(
      out, {"news.uk", "news.*", R"("AAE=")", Encoding::base64, "k3", std::numeric_limits<std::uint64_t>::max(), -1});
  EXPECT_EQ(hex_of(out), hex("a6 'op' 'message' 'channel' 'news.uk' 'pattern' 'news.*' 'data' 420001 'position' "
                             "'k3:18446744073709551615' 'time' 20"));
}

TEST(CborWriter, Decodes_what_the_encoder_makes_of_any_bytes) {
  std::string bytes;
  for (int i = 0; i < 600; ++i) {
    std::string text;
    Base64Encoder encoder(text);
    encoder.append(bytes);
    encoder.finish();
    ASSERT_EQ(base64_decoded_bytes(text), bytes.size());
    std::string back;
    append_base64_decoded(back, text);
    ASSERT_EQ(back, bytes);
    bytes += static_cast<char>(i * 37);
  }
}

// JSON -> CBOR -> JSON on what the parser of JSON is fuzzed with.
TEST(CborWriter, Gives_back_the_parsers_seeds) {
  CborTranscoder transcoder;
  std::size_t compared = 0;
  for (const auto& entry : std::filesystem::directory_iterator(CRIER_JSON_SEEDS)) {
    std::ifstream in(entry.path(), std::ios::binary);
    const std::string json{std::istreambuf_iterator<char>(in), {}};
    testing::JsonJudge judge;
    if (check_json(json) || !nlohmann::json::sax_parse(json, &judge)) continue;
    const auto value = nlohmann::json::parse(json);
    const std::string wire = cbor_of(json);
    EXPECT_EQ(nlohmann::json::from_cbor(wire), value) << json;
    if (!value.is_structured()) continue;
    const auto back = transcoder.to_json(wire);
    ASSERT_TRUE(back) << back.error().detail << json;
    EXPECT_EQ(nlohmann::json::parse(*back), value) << json;
    ++compared;
  }
  EXPECT_GE(compared, 5U);
}

TEST(CborWriter, Stops_at_a_text_that_no_scanner_has_seen) {
  std::string out;
  EXPECT_DEATH(append_cbor(out, "]", JsonOrigin::client), "invariant broken");
  EXPECT_DEATH(append_cbor(out, "[", JsonOrigin::client), "invariant broken");
  EXPECT_DEATH(append_cbor(out, "", JsonOrigin::client), "invariant broken");
  EXPECT_DEATH(append_cbor(out, "\"a", JsonOrigin::client), "invariant broken");
  EXPECT_DEATH(append_cbor(out, "x", JsonOrigin::client), "invariant broken");
  EXPECT_DEATH(append_cbor(out, std::string(100, '['), JsonOrigin::client), "invariant broken");
  EXPECT_DEATH(append_base64_decoded(out, "AB?="), "invariant broken");
  EXPECT_DEATH(append_base64_decoded(out, "ABC"), "invariant broken");
}

}  // namespace
}  // namespace crier::command
