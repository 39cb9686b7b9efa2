#include "broker/auth/json_object.hpp"

#include <gtest/gtest.h>

#include <string>

#include "protocol/command/base64url.hpp"
#include "tests/support/chance.hpp"

namespace crier::auth {
namespace {

using std::string_literals::operator""s;

std::string fault_of(std::string_view text, std::size_t levels_max = 4) {
  const auto parsed = JsonObject::parse(text, levels_max);
  return parsed ? "" : std::string(parsed.error().what);
}

TEST(Base64url, Decodes_what_RFC_7515_encodes) {
  EXPECT_EQ(command::decode_base64url(""), "");
  EXPECT_EQ(command::decode_base64url("A-z_4ME"), "\x03\xec\xff\xe0\xc1"s) << "RFC 7515, appendix C";
  EXPECT_EQ(command::encode_base64url("\x03\xec\xff\xe0\xc1"), "A-z_4ME");
  EXPECT_EQ(command::decode_base64url("AA"), std::string(1, '\0'));
}

TEST(Base64url, Comes_back_from_every_size_and_byte) {
  testing::Chance chance(7);
  for (std::size_t size = 0; size < 100; ++size) {
    std::string bytes(size, '\0');
    for (char& byte : bytes) byte = static_cast<char>(chance.below(256));
    EXPECT_EQ(command::decode_base64url(command::encode_base64url(bytes)), bytes);
  }
}

TEST(Base64url, Refuses_every_second_spelling) {
  for (const char* text :
       {"A", "AAAAA", "AA==", "AAA=", "AB", "AAB", "AA+A", "AA/A", "AA A", "AAA\n", "AA.A", "\xC3\xA4"}) {
    EXPECT_EQ(command::decode_base64url(text), std::nullopt) << text;
  }
  EXPECT_EQ(command::decode_base64url("AA\0A"s), std::nullopt);
}

TEST(JsonObject, Finds_members_by_their_names_without_escapes) {
  const auto parsed = JsonObject::parse(R"( {"a":1, "\u0062":"x\ny", "c":[1,"two",{}]} )", 4);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->members().size(), 3u);
  ASSERT_NE(parsed->find("b"), nullptr);
  EXPECT_EQ(text_of(*parsed->find("b")), "x\ny");
  EXPECT_EQ(parsed->find("d"), nullptr);
  ASSERT_NE(parsed->find("c"), nullptr);
  EXPECT_EQ(elements_of(*parsed->find("c")).size(), 3u);
}

TEST(JsonObject, Refuses_a_member_that_stands_twice_at_any_depth_and_however_it_is_spelled) {
  EXPECT_EQ(fault_of(R"({"a":1,"b":2})"), "");
  EXPECT_EQ(fault_of(R"({"a":1,"a":1})"), "names a member twice");
  EXPECT_EQ(fault_of(R"({"a":1,"\u0061":2})"), "names a member twice");
  EXPECT_EQ(fault_of(R"({"x":{"a":1,"b":2,"a":3}})"), "names a member twice");
  EXPECT_EQ(fault_of(R"({"x":[{},{"a":1,"a":3}]})"), "names a member twice");
  EXPECT_EQ(fault_of(R"({"x":{"a":1},"y":{"a":1}})"), "") << "of one object, that is";
}

TEST(JsonObject, Refuses_what_is_nested_too_deeply) {
  EXPECT_EQ(fault_of(R"({"a":{"b":[1]}})", 3), "");
  EXPECT_EQ(fault_of(R"({"a":{"b":[1]}})", 2), "is nested too deeply");
  EXPECT_EQ(fault_of(R"({"a":[[[]]]})", 4), "");
  EXPECT_EQ(fault_of(R"({"a":[[[[]]]]})", 4), "is nested too deeply");
  EXPECT_EQ(fault_of("{\"a\":" + std::string(4000, '[') + std::string(4000, ']') + "}"), "is no JSON");
}

TEST(JsonObject, Refuses_what_is_no_object_of_UTF8) {
  for (const char* text : {"", " ", "[]", "1", "null", "\"a\"", "{", "{}x", "{}{}", "{\"a\":1,}", "{'a':1}", "{a:1}",
                           "{\"a\":01}", "{\"a\":NaN}", "\xEF\xBB\xBF{}", "{\"a\":\"\\ud800\"}", "{} // comment"}) {
    EXPECT_NE(fault_of(text), "") << text;
  }
  EXPECT_NE(fault_of("{}\0"s), "");
  EXPECT_EQ(fault_of("{\"a\":\"\xFF\"}"), "is not UTF-8");
  EXPECT_EQ(fault_of("{\"a\":\"\xED\xA0\x80\"}"), "is not UTF-8") << "a surrogate";
}

TEST(JsonObject, Compacts_around_strings_and_leaves_numbers_alone) {
  EXPECT_EQ(compact(R"( { "a b" : [ 1.50 , 1e400 , "\" x" , "\\" ] , "c" : null } )"),
            R"({"a b":[1.50,1e400,"\" x","\\"],"c":null})");
  EXPECT_EQ(compact("\t\r\n 7 "), "7");
}

}  // namespace
}  // namespace crier::auth
