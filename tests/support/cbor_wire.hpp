// CBOR in tests: a notation for messages, and the examples of RFC 8949.
#pragma once

#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>

namespace crier::testing {

// "a1 'op' 64 70696e67" -> its bytes: hexadecimal digits stand for bytes, 'x' for a text string of up to 23 bytes
// with its head; spaces are free.
inline std::string cbor_wire(std::string_view notation) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string wire;
  for (std::size_t at = 0; at < notation.size(); ++at) {
    if (notation[at] == ' ') continue;
    if (notation[at] == '\'') {
      const std::size_t end = notation.find('\'', at + 1);
      const std::string_view text = notation.substr(at + 1, end - at - 1);
      if (end == std::string_view::npos || text.size() > 23) throw std::invalid_argument("a text of the notation");
      wire += static_cast<char>(0x60 + text.size());
      wire += text;
      at = end;
      continue;
    }
    const std::size_t high = digits.find(notation[at++]);
    const std::size_t low = at < notation.size() ? digits.find(notation[at]) : std::string_view::npos;
    if (high > 15 || low > 15) throw std::invalid_argument("a byte of the notation");
    wire += static_cast<char>(high << 4 | low);
  }
  return wire;
}

inline std::string hex_of(std::string_view bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string hex;
  for (const char c : bytes) {
    hex += digits[static_cast<unsigned char>(c) >> 4];
    hex += digits[static_cast<unsigned char>(c) & 0xF];
  }
  return hex;
}

// RFC 8949 appendix A.
struct CborExample {
  std::string_view hex;
  std::string_view json;  // "" where JSON cannot say it, or a byte string may not stand
  bool ours = true;       // what our writer makes of the JSON
};
inline constexpr CborExample cbor_examples[] = {
    {"00", "0"},
    {"01", "1"},
    {"0a", "10"},
    {"17", "23"},
    {"1818", "24"},
    {"1819", "25"},
    {"1864", "100"},
    {"1903e8", "1000"},
    {"1a000f4240", "1000000"},
    {"1b000000e8d4a51000", "1000000000000"},
    {"1bffffffffffffffff", "18446744073709551615"},
    {"c249010000000000000000", ""},
    {"3bffffffffffffffff", ""},
    {"c349010000000000000000", ""},
    {"20", "-1"},
    {"29", "-10"},
    {"3863", "-100"},
    {"3903e7", "-1000"},
    {"f90000", "0.0"},
    {"f98000", "-0.0"},
    {"f93c00", "1.0"},
    {"fb3ff199999999999a", "1.1"},
    {"f93e00", "1.5"},
    {"f97bff", "65504.0"},
    {"fa47c35000", "1e+05"},
    {"fa7f7fffff", "3.4028234663852886e+38"},
    {"fb7e37e43c8800759c", "1e+300"},
    {"f90001", "5.960464477539063e-08"},
    {"f90400", "6.103515625e-05"},
    {"f9c400", "-4.0"},
    {"fbc010666666666666", "-4.1"},
    {"f97c00", ""},
    {"f97e00", ""},
    {"f9fc00", ""},
    {"fa7f800000", ""},
    {"fa7fc00000", ""},
    {"faff800000", ""},
    {"fb7ff0000000000000", ""},
    {"fb7ff8000000000000", ""},
    {"fbfff0000000000000", ""},
    {"f4", "false"},
    {"f5", "true"},
    {"f6", "null"},
    {"f7", ""},
    {"f0", ""},
    {"f8ff", ""},
    {"c074323031332d30332d32315432303a30343a30305a", ""},
    {"c11a514b67b0", ""},
    {"c1fb41d452d9ec200000", ""},
    {"d74401020304", ""},
    {"d818456449455446", ""},
    {"d82076687474703a2f2f7777772e6578616d706c652e636f6d", ""},
    {"40", ""},
    {"4401020304", ""},
    {"60", R"("")"},
    {"6161", R"("a")"},
    {"6449455446", R"("IETF")"},
    {"62225c", R"("\"\\")"},
    {"62c3bc", "\"\u00fc\""},
    {"63e6b0b4", "\"\u6c34\""},
    {"64f0908591", "\"\U00010151\""},
    {"80", "[]"},
    {"83010203", "[1,2,3]"},
    {"8301820203820405", "[1,[2,3],[4,5]]"},
    {"98190102030405060708090a0b0c0d0e0f101112131415161718181819",
     "[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25]", false},
    {"a0", "{}"},
    {"a201020304", ""},
    {"a26161016162820203", R"({"a":1,"b":[2,3]})"},
    {"826161a161626163", R"(["a",{"b":"c"}])"},
    {"a56161614161626142616361436164614461656145", R"({"a":"A","b":"B","c":"C","d":"D","e":"E"})"},
    {"5f42010243030405ff", ""},
    {"7f657374726561646d696e67ff", R"("streaming")", false},
    {"9fff", "[]", false},
    {"9f018202039f0405ffff", "[1,[2,3],[4,5]]", false},
    {"9f01820203820405ff", "[1,[2,3],[4,5]]", false},
    {"83018202039f0405ff", "[1,[2,3],[4,5]]", false},
    {"83019f0203ff820405", "[1,[2,3],[4,5]]", false},
    {"9f0102030405060708090a0b0c0d0e0f101112131415161718181819ff",
     "[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25]"},
    {"bf61610161629f0203ffff", R"({"a":1,"b":[2,3]})", false},
    {"826161bf61626163ff", R"(["a",{"b":"c"}])", false},
    {"bf6346756ef563416d7421ff", R"({"Fun":true,"Amt":-2})", false},
};

}  // namespace crier::testing
