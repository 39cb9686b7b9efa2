#include "protocol/command/json_scanner.hpp"

#include "protocol/command/json_string.hpp"
#include "protocol/command/quote.hpp"

namespace crier::command {

namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_space(char c) {
  return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

}  // namespace

std::string_view describe(JsonKind kind) {
  switch (kind) {
    case JsonKind::object: return "an object";
    case JsonKind::array: return "an array";
    case JsonKind::string: return "a string";
    case JsonKind::number: return "a number";
    case JsonKind::boolean: return "a boolean";
    case JsonKind::null: return "null";
  }
  __builtin_unreachable();
}

std::string describe(const JsonFault& fault, std::string_view text) {
  std::string sentence = "byte " + std::to_string(fault.at) + ": ";
  sentence += fault.expectation;
  if (!fault.name_found) return sentence;
  sentence += ", found ";
  sentence += fault.at < text.size() ? describe_byte(text[fault.at]) : "the end of the message";
  return sentence;
}

std::nullptr_t JsonScanner::refuse(const char* p, std::string_view expectation, bool name_found) {
  fault_ = {static_cast<std::size_t>(p - begin_), expectation, name_found};
  return nullptr;
}

inline const char* JsonScanner::skip_space(const char* p) const {
  while (p < end_ && is_space(*p)) ++p;
  return p;
}

// `p` is behind the opening quote.
inline const char* JsonScanner::string(const char* p, bool& escaped) {
  escaped = false;
  for (;;) {
    p = find_string_special(begin_, p, end_);
    if (p == end_) return refuse(p, "expected the '\"' that ends a string");
    if (*p == '"') return p + 1;
    if (*p != '\\') return refuse(p, "expected control characters in a string to be escaped");
    escaped = true;
    p = escape(p);
    if (p == nullptr) return nullptr;
  }
}

// `p` is at the backslash. A message that merely ends too soon is told as that, never as a lone surrogate.
const char* JsonScanner::escape(const char* p) {
  constexpr std::string_view half = "expected the second half of a surrogate pair ('\\uDC00' to '\\uDFFF')";
  const char* const start = p++;
  if (p == end_ || std::string_view("\"\\/bfnrtu").find(*p) == std::string_view::npos) {
    return refuse(p, "expected one of '\"', '\\', '/', 'b', 'f', 'n', 'r', 't', 'u' after a backslash");
  }
  if (*p != 'u') return p + 1;
  unsigned unit = 0;
  p = hex4(p + 1, unit);
  if (p == nullptr) return nullptr;
  if (is_low_surrogate(unit)) return refuse(start, "expected a character, found half of a surrogate pair", false);
  if (!is_high_surrogate(unit)) return p;
  if (p == end_ || *p != '\\') return refuse(p, half);
  const char* const second = p++;
  if (p == end_ || *p != 'u') return refuse(p, half);
  p = hex4(p + 1, unit);
  if (p == nullptr) return nullptr;
  return is_low_surrogate(unit) ? p : refuse(second, half);
}

const char* JsonScanner::hex4(const char* p, unsigned& unit) {
  for (const char* const stop = p; p < stop + 4; ++p) {
    if (p == end_ || json_hex_value(*p) < 0) return refuse(p, "expected four hexadecimal digits after '\\u'");
  }
  unit = json_code_unit(p - 4);
  return p;
}

const char* JsonScanner::digits(const char* p, std::string_view expectation) {
  if (p == end_ || !is_digit(*p)) return refuse(p, expectation);
  while (p < end_ && is_digit(*p)) ++p;
  return p;
}

// RFC 8259 section 6; `p` is at '-' or a digit.
const char* JsonScanner::number(const char* p) {
  if (*p == '-') ++p;
  const bool zero = p < end_ && *p == '0';
  if (zero && p + 1 < end_ && is_digit(p[1])) return refuse(p, "expected a number without leading zeros", false);
  p = digits(p, "expected a digit after '-'");
  if (p != nullptr && p < end_ && *p == '.') p = digits(p + 1, "expected a digit after the decimal point");
  if (p != nullptr && p < end_ && (*p == 'e' || *p == 'E')) {
    ++p;
    if (p < end_ && (*p == '+' || *p == '-')) ++p;
    p = digits(p, "expected a digit in the exponent");
  }
  return p;
}

const char* JsonScanner::literal(const char* p, std::string_view word, std::string_view expectation) {
  for (const char expected : word) {
    if (p == end_ || *p != expected) return refuse(p, expectation);
    ++p;
  }
  return p;
}

// A string, a number or a word: everything that holds no other value.
inline const char* JsonScanner::scalar(const char* p, JsonValue& out) {
  if (p == end_) return refuse(p, "expected a value");
  switch (*p) {
    case '"': out.kind = JsonKind::string; return string(p + 1, out.escaped);
    case 't': out.kind = JsonKind::boolean; return literal(p, "true", "expected 'true'");
    case 'f': out.kind = JsonKind::boolean; return literal(p, "false", "expected 'false'");
    case 'n': out.kind = JsonKind::null; return literal(p, "null", "expected 'null'");
    default: break;
  }
  if (*p != '-' && !is_digit(*p)) return refuse(p, "expected a value");
  out.kind = JsonKind::number;
  return number(p);
}

// A key and its colon, and the space around them.
inline const char* JsonScanner::key(const char* p, std::string_view expectation, JsonValue& out) {
  p = skip_space(p);
  if (p == end_ || *p != '"') return refuse(p, expectation);
  const char* const start = p;
  p = string(p + 1, out.escaped);
  if (p == nullptr) return nullptr;
  out.kind = JsonKind::string;
  out.raw = {start, static_cast<std::size_t>(p - start)};
  p = skip_space(p);
  if (p == end_ || *p != ':') return refuse(p, "expected ':' after a key");
  return p + 1;
}

inline const char* JsonScanner::open(const char* p) {
  if (depth_ == nesting_max) return refuse(p, "expected at most 64 levels of nesting, found one more", false);
  const std::uint64_t bit = std::uint64_t{1} << depth_;
  objects_ = *p == '{' ? objects_ | bit : objects_ & ~bit;
  ++depth_;
  return p + 1;
}

// One value inside a container. `opened`: it is a container that is not empty, and the next value is its
// first one.
inline const char* JsonScanner::container_value(const char* p, bool& opened) {
  JsonValue ignored;
  opened = false;
  p = skip_space(p);
  if (p == end_ || (*p != '{' && *p != '[')) return scalar(p, ignored);
  const bool object = *p == '{';
  p = open(p);
  if (p == nullptr) return nullptr;
  p = skip_space(p);
  if (p < end_ && *p == (object ? '}' : ']')) {
    --depth_;
    return p + 1;
  }
  opened = true;
  if (object) return key(p, "expected a key or '}'", ignored);
  if (p == end_) return refuse(p, "expected a value or ']'");
  return p;
}

// A whole object or array, without recursion: a peer chooses the depth.
const char* JsonScanner::container(const char* p) {
  const std::size_t outside = depth_;
  bool opened = false;
  for (;;) {
    p = container_value(p, opened);
    if (p == nullptr) return nullptr;
    bool next = opened;
    while (!next) {
      if (depth_ == outside) return p;
      const bool object = (objects_ >> (depth_ - 1) & 1) != 0;
      p = skip_space(p);
      if (p < end_ && *p == ',') {
        ++p;
        next = true;
        if (!object) continue;
        JsonValue ignored;
        p = key(p, "expected a key after ','", ignored);
        if (p == nullptr) return nullptr;
      } else if (p < end_ && *p == (object ? '}' : ']')) {
        ++p;
        --depth_;
      } else {
        return refuse(p, object ? "expected ',' or '}' after a value" : "expected ',' or ']' after a value");
      }
    }
  }
}

std::optional<char> JsonScanner::peek() {
  at_ = skip_space(at_);
  if (at_ == end_) return std::nullopt;
  return *at_;
}

bool JsonScanner::enter() {
  const char* const p = open(at_);
  if (p == nullptr) return false;
  at_ = p;
  fresh_ = true;
  return true;
}

JsonScanner::Next JsonScanner::next_member(JsonValue& out) {
  const char* p = skip_space(at_);
  const bool first = fresh_;
  fresh_ = false;
  if (p < end_ && *p == '}') {
    at_ = p + 1;
    --depth_;
    return Next::end;
  }
  if (!first) {
    if (p == end_ || *p != ',') {
      refuse(p, "expected ',' or '}' after a value");
      return Next::fault;
    }
    ++p;
  }
  p = key(p, first ? "expected a key or '}'" : "expected a key after ','", out);
  if (p == nullptr) return Next::fault;
  at_ = p;
  return Next::item;
}

JsonScanner::Next JsonScanner::next_element() {
  const char* p = skip_space(at_);
  const bool first = fresh_;
  fresh_ = false;
  if (p < end_ && *p == ']') {
    at_ = p + 1;
    --depth_;
    return Next::end;
  }
  if (first && p == end_) {
    refuse(p, "expected a value or ']'");
    return Next::fault;
  }
  if (!first) {
    if (p == end_ || *p != ',') {
      refuse(p, "expected ',' or ']' after a value");
      return Next::fault;
    }
    ++p;
  }
  at_ = p;
  return Next::item;
}

bool JsonScanner::value(JsonValue& out) {
  const char* const start = skip_space(at_);
  const char* p = nullptr;
  if (start < end_ && (*start == '{' || *start == '[')) {
    out.kind = *start == '{' ? JsonKind::object : JsonKind::array;
    p = container(start);
  } else {
    p = scalar(start, out);
  }
  if (p == nullptr) return false;
  out.raw = {start, static_cast<std::size_t>(p - start)};
  at_ = p;
  return true;
}

bool JsonScanner::finish() {
  at_ = skip_space(at_);
  if (at_ == end_) return true;
  refuse(at_, "expected the end of the message");
  return false;
}

std::optional<JsonFault> check_json(std::string_view text) {
  JsonScanner scanner(text);
  JsonValue value;
  if (scanner.value(value) && scanner.finish()) return std::nullopt;
  return scanner.fault();
}

}  // namespace crier::command
