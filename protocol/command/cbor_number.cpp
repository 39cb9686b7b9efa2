#include "protocol/command/cbor_number.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>
#include <string_view>

#include "protocol/base/check.hpp"

namespace crier::command {

namespace {

constexpr std::uint64_t int64_magnitude_max = std::uint64_t{1} << 63;

template <class Integer>
char* put_big_endian(char* out, Integer value) {
  for (int shift = std::numeric_limits<Integer>::digits - 8; shift >= 0; shift -= 8) {
    *out++ = static_cast<char>(value >> shift & 0xFF);
  }
  return out;
}

// A floating point number's bits behind its first byte.
template <class Integer>
void append_bits(std::string& out, unsigned information, Integer bits) {
  std::array<char, 1 + sizeof bits> item;
  item[0] = cbor_initial_byte(CborMajor::simple, information);
  put_big_endian(item.data() + 1, bits);
  out.append(item.data(), item.size());
}

// The binary16 of the same value, if there is one.
std::optional<std::uint16_t> half_of(float single) {
  const auto bits = std::bit_cast<std::uint32_t>(single);
  const std::uint32_t sign = bits >> 16 & 0x8000;
  const std::uint32_t mantissa = bits & 0x7FFFFF;
  const int exponent = static_cast<int>(bits >> 23 & 0xFF) - 127;
  const auto half = [sign](std::uint32_t rest) { return static_cast<std::uint16_t>(sign | rest); };
  if (single == 0) return half(0);
  if (std::isinf(single)) return half(0x7C00);
  if (exponent >= -14 && exponent <= 15 && (mantissa & 0x1FFF) == 0) {
    return half(static_cast<std::uint32_t>(exponent + 15) << 10 | mantissa >> 13);
  }
  if (exponent >= -24 && exponent < -14) {  // a multiple of 2^-24, the smallest there is
    const std::uint32_t whole = 0x800000 | mantissa;
    const int shift = -1 - exponent;
    if ((whole & ((1U << shift) - 1)) == 0) return half(whole >> shift);
  }
  return std::nullopt;
}

// Of a number that no double can hold: is it too large, or too close to zero? Its decimal magnitude tells,
// which is far from 0 in either case.
bool is_too_large(std::string_view number) {
  constexpr std::int64_t exponent_max = 1'000'000'000'000'000;  // more than any text has digits
  const std::size_t sign = number.starts_with('-') ? 1 : 0;
  const std::size_t e = std::min(number.find_first_of("eE"), number.size());
  const std::string_view digits = number.substr(sign, e - sign);
  const auto point = static_cast<std::int64_t>(std::min(digits.find('.'), digits.size()));
  const auto first = static_cast<std::int64_t>(std::min(digits.find_first_of("123456789"), digits.size()));
  if (e == number.size()) return first < point;
  std::string_view text = number.substr(e + 1);
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  std::int64_t exponent = 0;
  const auto fault = std::from_chars(text.data(), text.data() + text.size(), exponent).ec;
  exponent = fault == std::errc{} ? std::min(exponent, exponent_max) : exponent_max;
  return point - first + (negative ? -exponent : exponent) > 0;
}

// An integer in JSON's sense, that is, without fraction and exponent; false where CBOR's do not reach.
bool append_plain_integer(std::string& out, const char* p, const char* end) {
  const bool negative = *p == '-';
  std::uint64_t magnitude = 0;
  if (std::from_chars(negative ? p + 1 : p, end, magnitude).ec != std::errc{}) return false;
  if (!negative) {
    append_cbor_head(out, CborMajor::unsigned_integer, magnitude);
    return true;
  }
  // -0 is no integer in CBOR, and JavaScript tells it from 0.
  if (magnitude == 0 || magnitude > int64_magnitude_max) return false;
  append_cbor_head(out, CborMajor::negative_integer, magnitude - 1);
  return true;
}

}  // namespace

char* put_cbor_head(char* out, CborMajor major, std::uint64_t argument) {
  if (argument <= cbor_argument_inside_max) {
    *out++ = cbor_initial_byte(major, static_cast<unsigned>(argument));
    return out;
  }
  if (argument <= 0xFF) {
    *out++ = cbor_initial_byte(major, cbor_argument_1_byte);
    *out++ = static_cast<char>(argument);
    return out;
  }
  if (argument <= 0xFFFF) {
    *out++ = cbor_initial_byte(major, cbor_argument_2_bytes);
    return put_big_endian(out, static_cast<std::uint16_t>(argument));
  }
  if (argument <= 0xFFFFFFFF) {
    *out++ = cbor_initial_byte(major, cbor_argument_4_bytes);
    return put_big_endian(out, static_cast<std::uint32_t>(argument));
  }
  *out++ = cbor_initial_byte(major, cbor_argument_8_bytes);
  return put_big_endian(out, argument);
}

void append_long_cbor_head(std::string& out, CborMajor major, std::uint64_t argument) {
  std::array<char, cbor_head_bytes_max> head;
  out.append(head.data(), put_cbor_head(head.data(), major, argument));
}

void append_cbor_integer(std::string& out, std::int64_t value) {
  if (value >= 0) return append_cbor_head(out, CborMajor::unsigned_integer, static_cast<std::uint64_t>(value));
  append_cbor_head(out, CborMajor::negative_integer, static_cast<std::uint64_t>(-(value + 1)));
}

void append_cbor_float(std::string& out, double value) {
  // Beyond a float's range the cast would be undefined.
  const bool in_range = std::abs(value) <= std::numeric_limits<float>::max() || std::isinf(value);
  const float single = in_range ? static_cast<float>(value) : 0.0F;
  if (!in_range || static_cast<double>(single) != value) {
    return append_bits(out, cbor_double, std::bit_cast<std::uint64_t>(value));
  }
  if (const auto half = half_of(single)) return append_bits(out, cbor_half, *half);
  append_bits(out, cbor_single, std::bit_cast<std::uint32_t>(single));
}

const char* append_cbor_number(std::string& out, const char* p, const char* end) {
  const char* behind = *p == '-' ? p + 1 : p;
  while (behind < end && *behind >= '0' && *behind <= '9') ++behind;
  const bool plain = behind == end || (*behind != '.' && *behind != 'e' && *behind != 'E');
  if (plain && append_plain_integer(out, p, behind)) return behind;
  double value = 0;
  const auto [number_end, fault] = std::from_chars(p, end, value);
  CRIER_ASSERT(fault != std::errc::invalid_argument);
  if (fault == std::errc::result_out_of_range) {
    value = is_too_large({p, static_cast<std::size_t>(number_end - p)}) ? std::numeric_limits<double>::infinity() : 0.0;
    if (*p == '-') value = -value;
  }
  append_cbor_float(out, value);
  return number_end;
}

}  // namespace crier::command
