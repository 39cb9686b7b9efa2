#include "protocol/command/cbor_reader.hpp"

#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>

#include "protocol/command/base64.hpp"
#include "protocol/command/cbor_head.hpp"
#include "protocol/command/command.hpp"
#include "protocol/command/json_escape.hpp"
#include "protocol/command/utf8_prefix.hpp"

namespace crier::command {

namespace {

constexpr std::size_t kept_bytes_max = std::size_t{64} * 1024;

constexpr std::uint64_t int64_magnitude_max = std::uint64_t{1} << 63;

std::string_view name_of(CborMajor major) {
  switch (major) {
    case CborMajor::unsigned_integer:
    case CborMajor::negative_integer: return "an integer";
    case CborMajor::byte_string: return "a byte string";
    case CborMajor::text_string: return "a text string";
    case CborMajor::array: return "an array";
    case CborMajor::map: return "a map";
    case CborMajor::tag: return "a tag";
    case CborMajor::simple: return "a simple value or a floating point number";
  }
  __builtin_unreachable();
}

// RFC 8949 appendix D.
double half_to_double(unsigned bits) {
  const unsigned exponent = bits >> 10 & 0x1F;
  const double mantissa = bits & 0x3FF;
  double value = std::numeric_limits<double>::infinity();
  if (exponent == 0) {
    value = std::ldexp(mantissa, -24);
  } else if (exponent != 31) {
    value = std::ldexp(mantissa + 1024, static_cast<int>(exponent) - 25);
  } else if (mantissa != 0) {
    value = std::numeric_limits<double>::quiet_NaN();
  }
  return (bits & 0x8000) != 0 ? -value : value;
}

void append_number(std::string& out, std::uint64_t value) {
  std::array<char, 20> digits;
  out.append(digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr);
}

void append_number(std::string& out, double value) {
  std::array<char, 32> digits;  // the longest are 24, "-2.2250738585072014e-308"
  const char* const end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  const std::string_view text(digits.data(), static_cast<std::size_t>(end - digits.data()));
  out += text;
  // Who publishes 1.0 shall not see the type of a field change from message to message.
  if (text.find_first_of(".e") == std::string_view::npos) out += ".0";
}

struct Head {
  std::size_t at = 0;  // its first byte
  CborMajor major = CborMajor::simple;
  unsigned information = 0;
  std::uint64_t argument = 0;  // 0 where the length is indefinite

  [[nodiscard]] bool indefinite() const { return information == cbor_indefinite; }
  [[nodiscard]] bool is_break() const { return major == CborMajor::simple && indefinite(); }
};

// What an item is in the message. A command is a map at the top, or in the array at the top.
enum class Role : std::uint8_t { message, commands, command, other };

Role role_inside(Role outside, CborMajor major) {
  const bool map = major == CborMajor::map;
  if (outside == Role::message) return map ? Role::command : Role::commands;
  return outside == Role::commands && map ? Role::command : Role::other;
}

// One message on its way. Functions give false after a fault.
class Reader {
 public:
  Reader(std::string_view cbor, std::string& json) : cbor_(cbor), json_(json) {
    levels_[0] = {0, 1, false, false, Role::message};
  }

  [[nodiscard]] bool message();
  [[nodiscard]] Error take_fault() { return std::move(*fault_); }

 private:
  // An array or a map that is open, its keys and values counted one by one; level 0 is the message.
  struct Level {
    std::uint64_t items;  // so far
    std::uint64_t items_max;
    bool indefinite;
    bool map;
    Role role;

    [[nodiscard]] bool key_is_next() const { return map && items % 2 == 0; }
  };

  [[nodiscard]] bool head(Head& out);
  [[nodiscard]] bool argument(Head& head);
  [[nodiscard]] bool item();
  [[nodiscard]] bool value(const Head& head);
  [[nodiscard]] bool key(const Head& head);
  [[nodiscard]] bool open(const Head& head);
  [[nodiscard]] bool end_indefinite(const Head& head);
  void close();
  [[nodiscard]] bool negative(const Head& head);
  [[nodiscard]] bool simple(const Head& head);
  [[nodiscard]] bool floating(const Head& head);
  [[nodiscard]] bool text(const Head& head);
  [[nodiscard]] bool data_bytes(const Head& head);
  template <class Take>
  [[nodiscard]] bool pieces(const Head& head, Take take);
  [[nodiscard]] bool piece(const Head& head, std::string_view& out);

  [[nodiscard]] std::uint64_t left() const { return cbor_.size() - at_; }
  bool refuse(std::size_t at, std::string_view sentence);
  bool refuse_count(const Head& head, std::string_view unit);
  bool refuse_encoding();

  std::string_view cbor_;
  std::string& json_;
  std::size_t at_ = 0;
  std::array<Level, nesting_max + 1> levels_;  // written when they are opened: clearing them would cost each message
  std::size_t depth_ = 0;
  // Of the command that is open.
  bool data_is_next_ = false;
  bool has_data_bytes_ = false;
  std::optional<std::size_t> encoding_at_;
  std::optional<Error> fault_;
};

bool Reader::refuse(std::size_t at, std::string_view sentence) {
  std::string detail = "byte " + std::to_string(at) + ": ";
  detail += sentence;
  fault_ = Error{ErrorCode::bad_request, "", std::move(detail)};
  return false;
}

// A length that lies: nothing has been done with it but this comparison.
bool Reader::refuse_count(const Head& head, std::string_view unit) {
  std::string sentence(name_of(head.major));
  sentence += " of " + std::to_string(head.argument) + ' ';
  sentence += unit;
  sentence += ", more than fit into what is left (" + std::to_string(left()) + ')';
  return refuse(head.at, sentence);
}

bool Reader::refuse_encoding() {
  fault_ = Error{ErrorCode::bad_request, "encoding",
                 "encoding: must be left out where data is a byte string (byte " + std::to_string(*encoding_at_) + ")"};
  return false;
}

bool Reader::argument(Head& head) {
  if (head.information <= cbor_argument_inside_max) {
    head.argument = head.information;
    return true;
  }
  const std::size_t bytes = std::size_t{1} << (head.information - cbor_argument_1_byte);
  if (left() < bytes) return refuse(cbor_.size(), "the message ends inside of the head of an item");
  for (std::size_t i = 0; i < bytes; ++i) {
    head.argument = head.argument << 8 | static_cast<unsigned char>(cbor_[at_++]);
  }
  return true;
}

bool Reader::head(Head& out) {
  if (left() == 0) return refuse(at_, "expected an item, found the end of the message");
  const auto first = static_cast<unsigned char>(cbor_[at_]);
  out.at = at_++;
  out.major = static_cast<CborMajor>(first >> 5);
  out.information = first & 0x1F;
  if (out.information <= cbor_argument_8_bytes) return argument(out);
  if (out.information != cbor_indefinite) {
    return refuse(out.at, "additional information " + std::to_string(out.information) + ", which is reserved");
  }
  switch (out.major) {
    case CborMajor::byte_string:
    case CborMajor::text_string:
    case CborMajor::array:
    case CborMajor::map:
    case CborMajor::simple: return true;
    case CborMajor::unsigned_integer:
    case CborMajor::negative_integer:
    case CborMajor::tag: break;
  }
  return refuse(out.at, std::string(name_of(out.major)) + " cannot be of indefinite length");
}

// A string of definite length; `out` are its bytes.
bool Reader::piece(const Head& head, std::string_view& out) {
  if (head.argument > left()) return refuse_count(head, "bytes");
  out = cbor_.substr(at_, static_cast<std::size_t>(head.argument));
  at_ += out.size();
  return true;
}

// Hands a string's bytes to `take`, at once or chunk by chunk (RFC 8949 section 3.2.3).
template <class Take>
bool Reader::pieces(const Head& head, Take take) {
  std::string_view bytes;
  if (!head.indefinite()) return piece(head, bytes) && take(bytes);
  for (;;) {
    Head chunk;
    if (!this->head(chunk)) return false;
    if (chunk.is_break()) return true;
    if (chunk.major != head.major || chunk.indefinite()) {
      std::string sentence = "expected a chunk that is ";
      sentence += name_of(head.major);
      sentence += " of definite length, or the break";
      return refuse(chunk.at, sentence);
    }
    if (!piece(chunk, bytes) || !take(bytes)) return false;
  }
}

// Each chunk is UTF-8 by itself (RFC 8949 section 3.2.3).
bool Reader::text(const Head& head) {
  json_ += '"';
  const bool whole = pieces(head, [this](std::string_view bytes) {
    const std::size_t good = utf8_prefix_bytes(bytes);
    if (good < bytes.size()) return refuse(at_ - bytes.size() + good, "text that is no UTF-8");
    append_escaped(json_, bytes);
    return true;
  });
  json_ += '"';
  return whole;
}

bool Reader::data_bytes(const Head& head) {
  if (levels_[depth_].role != Role::command || !data_is_next_) {
    return refuse(head.at, "a byte string, which can only be the whole of a command's data");
  }
  has_data_bytes_ = true;
  if (encoding_at_) return refuse_encoding();
  json_ += '"';
  Base64Encoder encoder(json_);
  const bool whole = pieces(head, [&encoder](std::string_view bytes) {
    encoder.append(bytes);
    return true;
  });
  encoder.finish();
  json_ += R"(","encoding":"base64")";
  return whole;
}

bool Reader::negative(const Head& head) {
  if (head.argument >= int64_magnitude_max) return refuse(head.at, "an integer below -2^63");
  json_ += '-';
  append_number(json_, head.argument + 1);
  return true;
}

bool Reader::floating(const Head& head) {
  double number = 0;
  switch (head.information) {
    case cbor_half: number = half_to_double(static_cast<unsigned>(head.argument)); break;
    case cbor_single: number = std::bit_cast<float>(static_cast<std::uint32_t>(head.argument)); break;
    default: number = std::bit_cast<double>(head.argument); break;
  }
  if (std::isnan(number)) return refuse(head.at, "NaN, which JSON cannot say");
  if (std::isinf(number)) return refuse(head.at, "an infinity, which JSON cannot say");
  append_number(json_, number);
  return true;
}

bool Reader::simple(const Head& head) {
  switch (head.information) {
    case cbor_false: json_ += "false"; return true;
    case cbor_true: json_ += "true"; return true;
    case cbor_null: json_ += "null"; return true;
    case cbor_undefined: return refuse(head.at, "undefined, which JSON cannot say");
    case cbor_half:
    case cbor_single:
    case cbor_double: return floating(head);
    default: break;
  }
  return refuse(head.at, "simple value " + std::to_string(head.argument) + ", which JSON cannot say");
}

bool Reader::open(const Head& head) {
  if (depth_ == nesting_max) return refuse(head.at, "expected at most 64 levels of nesting, found one more");
  const bool map = head.major == CborMajor::map;
  const std::uint64_t items_each = map ? 2 : 1;
  if (head.argument > left() / items_each) return refuse_count(head, map ? "pairs" : "elements");
  const Role role = role_inside(levels_[depth_].role, head.major);
  if (role == Role::command) {
    has_data_bytes_ = false;
    encoding_at_.reset();
  }
  levels_[++depth_] = {0, head.argument * items_each, head.indefinite(), map, role};
  json_ += map ? '{' : '[';
  return true;
}

void Reader::close() {
  json_ += levels_[depth_].map ? '}' : ']';
  --depth_;
}

bool Reader::end_indefinite(const Head& head) {
  const Level& level = levels_[depth_];
  if (!level.indefinite) return refuse(head.at, "a break where nothing of indefinite length can end");
  if (level.items % 2 == 1 && level.map) return refuse(head.at, "a break between a key and its value");
  close();
  return true;
}

bool Reader::key(const Head& head) {
  if (head.major != CborMajor::text_string) {
    return refuse(head.at, "expected a key that is a text string, found " + std::string(name_of(head.major)));
  }
  const std::size_t start = json_.size();
  if (!text(head)) return false;
  if (levels_[depth_].role != Role::command) return true;
  // Nothing but the very letters is written like this: what needs no escape gets none.
  const std::string_view written = std::string_view(json_).substr(start);
  data_is_next_ = written == R"("data")";
  if (written == R"("encoding")") encoding_at_ = head.at;
  return !encoding_at_ || !has_data_bytes_ || refuse_encoding();
}

bool Reader::value(const Head& head) {
  switch (head.major) {
    case CborMajor::unsigned_integer: append_number(json_, head.argument); return true;
    case CborMajor::negative_integer: return negative(head);
    case CborMajor::byte_string: return data_bytes(head);
    case CborMajor::text_string: return text(head);
    case CborMajor::array:
    case CborMajor::map: return open(head);
    case CborMajor::tag: return refuse(head.at, "a tag (major type 6); tags are not allowed");
    case CborMajor::simple: return simple(head);
  }
  __builtin_unreachable();
}

// The next item of the open level, whole but for an array or a map, which it opens.
bool Reader::item() {
  Head next;
  if (!head(next)) return false;
  if (next.is_break()) return end_indefinite(next);
  Level& level = levels_[depth_];
  const bool is_key = level.key_is_next();
  if (level.items > 0) json_ += level.map && !is_key ? ':' : ',';
  ++level.items;
  return is_key ? key(next) : value(next);
}

// Without recursion: a peer chooses the depth.
bool Reader::message() {
  if (left() > 0) {
    const auto major = static_cast<CborMajor>(static_cast<unsigned char>(cbor_[0]) >> 5);
    if (major != CborMajor::map && major != CborMajor::array && major != CborMajor::tag) {
      return refuse(0, "expected a command (a map), or an array of them, found " + std::string(name_of(major)));
    }
  }
  do {
    if (!item()) return false;
    while (depth_ > 0 && !levels_[depth_].indefinite && levels_[depth_].items == levels_[depth_].items_max) close();
  } while (depth_ > 0);
  return left() == 0 || refuse(at_, "expected the end of the message");
}

}  // namespace

Result<std::string_view> CborTranscoder::to_json(std::string_view cbor) {
  if (json_.capacity() > kept_bytes_max) std::string().swap(json_);
  json_.clear();
  json_.reserve(cbor.size());
  Reader reader(cbor, json_);
  if (!reader.message()) return reader.take_fault();
  return std::string_view(json_);
}

}  // namespace crier::command
