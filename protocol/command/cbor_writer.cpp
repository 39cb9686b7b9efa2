#include "protocol/command/cbor_writer.hpp"

#include <array>
#include <charconv>
#include <limits>

#include "protocol/base/check.hpp"
#include "protocol/command/base64.hpp"
#include "protocol/command/cbor_head.hpp"
#include "protocol/command/cbor_number.hpp"
#include "protocol/command/json_string.hpp"

namespace crier::command {

namespace {

// How append_json marks bytes, behind the string that holds them.
constexpr std::string_view base64_member = R"(,"encoding":"base64")";

// A push's texts with their heads before them, which are 0140 and the length.
constexpr std::string_view op_and_channel_key = "\142op\147message\147channel";
constexpr std::string_view pattern_key = "\147pattern";
constexpr std::string_view data_key = "\144data";
constexpr std::string_view position_key = "\150position";
constexpr std::string_view time_key = "\144time";

void append_text(std::string& out, std::string_view text) {
  append_cbor_head(out, CborMajor::text_string, text.size());
  out += text;
}

// `inside` is what stands between a JSON string's quotes, with escapes. Its text is shorter, and so its head may
// be: it is decoded behind the longer one, and rarely has to be moved.
void append_escaped_text(std::string& out, std::string_view inside) {
  const std::size_t before = out.size();
  out.resize(before + cbor_head_bytes_max + inside.size());
  char* const begin = out.data() + before;
  char* const text = put_cbor_head(begin, CborMajor::text_string, inside.size());
  const std::size_t bytes = decode_json_string(inside, text);
  std::array<char, cbor_head_bytes_max> head;
  const char* const head_end = put_cbor_head(head.data(), CborMajor::text_string, bytes);
  const auto room = static_cast<std::size_t>(text - begin);
  out.resize(before + room + bytes);
  out.replace(before, room, head.data(), static_cast<std::size_t>(head_end - head.data()));
}

void append_bytes(std::string& out, std::string_view base64) {
  append_cbor_head(out, CborMajor::byte_string, base64_decoded_bytes(base64));
  append_base64_decoded(out, base64);
}

class Writer {
 public:
  Writer(std::string& out, std::string_view json, JsonOrigin origin)
      : out_(out), begin_(json.data()), end_(json.data() + json.size()) {
    levels_[0] = {0, 0, false, origin == JsonOrigin::broker ? Role::text : Role::value};
  }

  void write();

 private:
  // What stands where, as far as "encoding" may be ours there: inside of `value` it is not.
  enum class Role : std::uint8_t { text, replies, reply, messages, stored, value };

  // An array or an object that is open; level 0 is the whole text.
  struct Level {
    std::size_t head_at;  // in out_
    std::size_t items;    // so far; keys and values count each
    bool object;
    Role role;
  };
  // Which of our own members is next.
  enum class Member : std::uint8_t { other, data, messages };

  void open(CborMajor major);
  void close();
  const char* string(const char* p);
  const char* number(const char* p);
  const char* word(const char* p, std::string_view word, unsigned information);
  [[nodiscard]] bool bytes_follow(const char* p) const;

  // Levels by which a reply of ours may hold a client's value.
  static constexpr std::size_t depth_max = nesting_max + 8;

  std::string& out_;
  const char* begin_;
  const char* end_;
  std::size_t depth_ = 0;
  Member member_ = Member::other;
  std::array<Level, depth_max + 1> levels_;  // written when they are opened: clearing them would cost each message
};

// Arrays and maps begin as ones of indefinite length, and close() makes them definite where the count fits into
// the head's own byte: no second pass to count, nothing to move, and never a byte more than a definite length
// would take. Most objects have fewer than 24 members.
void Writer::open(CborMajor major) {
  const bool object = major == CborMajor::map;
  Role role = Role::value;
  switch (levels_[depth_].role) {
    case Role::text: role = object ? Role::reply : Role::replies; break;
    case Role::replies: role = object ? Role::reply : Role::value; break;
    case Role::reply: role = !object && member_ == Member::messages ? Role::messages : Role::value; break;
    case Role::messages: role = object ? Role::stored : Role::value; break;
    case Role::stored:
    case Role::value: break;
  }
  ++levels_[depth_].items;
  CRIER_ASSERT(depth_ < depth_max);
  levels_[++depth_] = {out_.size(), 0, object, role};
  out_ += cbor_initial_byte(major, cbor_indefinite);
}

void Writer::close() {
  CRIER_ASSERT(depth_ > 0);
  const Level& level = levels_[depth_--];
  const std::size_t count = level.object ? level.items / 2 : level.items;
  if (count > cbor_argument_inside_max) {
    out_ += cbor_break;
    return;
  }
  out_[level.head_at] =
      cbor_initial_byte(level.object ? CborMajor::map : CborMajor::array, static_cast<unsigned>(count));
}

bool Writer::bytes_follow(const char* p) const {
  return std::string_view(p, static_cast<std::size_t>(end_ - p)).starts_with(base64_member);
}

// `p` is behind the opening quote.
const char* Writer::string(const char* p) {
  const char* const start = p;
  bool escaped = false;
  for (p = find_string_special(begin_, p, end_); p < end_ && *p == '\\'; p = find_string_special(begin_, p + 2, end_)) {
    escaped = true;
  }
  CRIER_ASSERT(p < end_);
  const std::string_view inside(start, static_cast<std::size_t>(p++ - start));
  Level& level = levels_[depth_];
  const bool is_key = level.object && level.items % 2 == 0;
  ++level.items;
  if (level.role == Role::reply || level.role == Role::stored) {
    if (!is_key && member_ == Member::data && bytes_follow(p)) {
      append_bytes(out_, inside);
      return p + base64_member.size();
    }
    if (is_key) member_ = inside == "data" ? Member::data : inside == "messages" ? Member::messages : Member::other;
  }
  if (escaped) {
    append_escaped_text(out_, inside);
  } else {
    append_text(out_, inside);
  }
  return p;
}

const char* Writer::number(const char* p) {
  ++levels_[depth_].items;
  return append_cbor_number(out_, p, end_);
}

const char* Writer::word(const char* p, std::string_view word, unsigned information) {
  ++levels_[depth_].items;
  out_ += cbor_initial_byte(CborMajor::simple, information);
  return p + word.size();
}

void Writer::write() {
  for (const char* p = begin_; p < end_;) {
    switch (*p) {
      case ' ':
      case '\t':
      case '\n':
      case '\r':
      case ',':
      case ':': ++p; break;
      case '{':
        open(CborMajor::map);
        ++p;
        break;
      case '[':
        open(CborMajor::array);
        ++p;
        break;
      case '}':
      case ']':
        close();
        ++p;
        break;
      case '"': p = string(p + 1); break;
      case 't': p = word(p, "true", cbor_true); break;
      case 'f': p = word(p, "false", cbor_false); break;
      case 'n': p = word(p, "null", cbor_null); break;
      default: p = number(p); break;
    }
  }
  CRIER_ASSERT(depth_ == 0 && levels_[0].items == 1);
}

// In both writers of a push the text is about as long in CBOR as in JSON.
void make_room(std::string& out, std::size_t bytes) {
  if (out.capacity() - out.size() < bytes) out.reserve(out.size() + bytes);
}

}  // namespace

void append_cbor(std::string& out, std::string_view json, JsonOrigin origin) {
  make_room(out, json.size());
  Writer(out, json, origin).write();
}

void append_cbor_message(std::string& out, const MessagePush& push) {
  make_room(out, json_bytes_max(push));
  const unsigned members = 4U + (push.pattern.empty() ? 0U : 1U) + (push.epoch.empty() ? 0U : 1U);
  out += cbor_initial_byte(CborMajor::map, members);
  out += op_and_channel_key;
  append_text(out, push.channel);
  if (!push.pattern.empty()) {
    out += pattern_key;
    append_text(out, push.pattern);
  }
  out += data_key;
  if (push.encoding == Encoding::base64) {
    CRIER_ASSERT(push.data_json.size() >= 2);
    append_bytes(out, push.data_json.substr(1, push.data_json.size() - 2));
  } else {
    Writer(out, push.data_json, JsonOrigin::client).write();
  }
  if (!push.epoch.empty()) {
    std::array<char, std::numeric_limits<std::uint64_t>::digits10 + 1> digits;
    const char* const end = std::to_chars(digits.data(), digits.data() + digits.size(), push.offset).ptr;
    const std::string_view offset(digits.data(), static_cast<std::size_t>(end - digits.data()));
    out += position_key;
    append_cbor_head(out, CborMajor::text_string, push.epoch.size() + 1 + offset.size());
    out += push.epoch;
    out += ':';
    out += offset;
  }
  out += time_key;
  append_cbor_integer(out, push.time_ms);
}

}  // namespace crier::command
