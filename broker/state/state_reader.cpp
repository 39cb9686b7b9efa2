#include "broker/state/state_codec.hpp"

#include <algorithm>
#include <concepts>
#include <optional>
#include <type_traits>
#include <unordered_set>
#include <utility>

#include "broker/state/format.hpp"
#include "broker/state/rules.hpp"
#include "protocol/base/check.hpp"
#include "protocol/command/base64.hpp"
#include "protocol/command/channel_name.hpp"
#include "protocol/command/json_scanner.hpp"
#include "protocol/websocket/utf8.hpp"

namespace crier::state {
namespace {

// The shortest forms: how many there can be in what is left, before memory is taken for them.
constexpr std::size_t message_bytes_min = 8 + 8 + 8 + 8 + 1 + 1 + 1 + 4 + 1;
constexpr std::size_t key_bytes_min = 2 + 1 + 8 + 8;

struct Fault {
  std::size_t at = 0;
  std::string sentence;
};

// Reads on after a fault, but only zeros and nothing: the first fault is kept, and looked at where it would
// cost something to go on.
class Reader {
 public:
  Reader(std::string_view bytes, std::size_t at) : bytes_(bytes), at_(at) {}

  [[nodiscard]] bool failed() const { return fault_.has_value(); }
  [[nodiscard]] const Fault& fault() const { return *fault_; }
  [[nodiscard]] std::size_t at() const { return at_; }
  [[nodiscard]] std::size_t left() const { return bytes_.size() - at_; }

  void refuse(std::size_t at, std::string sentence) {
    if (!failed()) fault_ = Fault{at, std::move(sentence)};
  }
  void refuse_if(const char* broken_rule, std::size_t at) {
    if (broken_rule != nullptr) refuse(at, broken_rule);
  }

  std::string_view bytes(std::size_t count) {
    if (failed() || count > left()) {
      refuse(at_, "expected " + std::to_string(count) + " more bytes, found " + std::to_string(left()));
      return {};
    }
    const std::string_view found = bytes_.substr(at_, count);
    at_ += count;
    return found;
  }

  template <std::integral Integer>
  Integer integer() {
    using Unsigned = std::make_unsigned_t<Integer>;
    Unsigned value = 0;
    const std::string_view found = bytes(sizeof(Integer));
    for (std::size_t i = 0; i < found.size(); ++i) {
      value = static_cast<Unsigned>(value | (static_cast<Unsigned>(static_cast<unsigned char>(found[i])) << (8 * i)));
    }
    return static_cast<Integer>(value);
  }

  // A length and so many bytes.
  template <std::unsigned_integral Length>
  std::string_view text() {
    return bytes(integer<Length>());
  }

  // How many records follow, none shorter than `record_bytes_min`.
  std::size_t count(std::size_t record_bytes_min) {
    const std::size_t start = at_;
    const std::size_t count = integer<std::uint32_t>();
    if (count <= left() / record_bytes_min) return count;
    refuse(start, "expected at most " + std::to_string(left() / record_bytes_min) + " records in what is left, found " +
                      std::to_string(count));
    return 0;
  }

 private:
  std::string_view bytes_;
  std::size_t at_;
  std::optional<Fault> fault_;
};

void check_data(Reader& in, const SavedMessage& message, std::size_t at) {
  const std::string_view data = message.data_json;
  if (!websocket::valid_utf8(data)) return in.refuse(at, "a message's data must be UTF-8");
  command::JsonScanner scanner(data);
  command::JsonValue value;
  if (!scanner.value(value) || !scanner.finish()) {
    std::string sentence = "a message's data must be JSON: ";
    sentence += scanner.fault().expectation;
    return in.refuse(at + scanner.fault().at, std::move(sentence));
  }
  if (value.raw.size() != data.size()) return in.refuse(at, "a message's data must have no white space around it");
  if (message.encoding == command::Encoding::json) return;
  if (value.kind != command::JsonKind::string || !command::is_base64(value.inside())) {
    in.refuse(at, "a message's data must be a string of base64, as its encoding says");
  }
}

SavedMessage read_message(Reader& in, const SavedChannel& channel) {
  const std::size_t start = in.at();
  SavedMessage message;
  message.offset = in.integer<std::uint64_t>();
  message.number = in.integer<std::uint64_t>();
  message.time_ms = in.integer<std::int64_t>();
  message.expires_ms = in.integer<std::int64_t>();
  const auto encoding = in.integer<std::uint8_t>();
  const auto compressible = in.integer<std::uint8_t>();
  if (encoding > 1) in.refuse(in.at() - 2, "a message's encoding must be 0 (JSON) or 1 (base64)");
  if (compressible > 1) in.refuse(in.at() - 1, "whether a message may be compressed must be 0 or 1");
  message.encoding = encoding == 1 ? command::Encoding::base64 : command::Encoding::json;
  message.compressible = compressible == 1;
  message.conflate_key = in.text<std::uint8_t>();
  message.data_json = in.text<std::uint32_t>();
  if (in.failed()) return message;
  in.refuse_if(fault_of(message, channel.messages.empty() ? nullptr : &channel.messages.back(), channel), start);
  check_data(in, message, in.at() - message.data_json.size());
  return message;
}

SavedKey read_key(Reader& in, const SavedChannel& channel) {
  const std::size_t start = in.at();
  SavedKey key;
  key.scope = in.text<std::uint16_t>();
  key.key = in.text<std::uint8_t>();
  key.offset = in.integer<std::uint64_t>();
  key.expires_ms = in.integer<std::int64_t>();
  in.refuse_if(fault_of(key, channel), start);
  return key;
}

bool holds_a_key_twice(const SavedChannel& channel) {
  std::vector<std::pair<std::string_view, std::string_view>> keys;
  keys.reserve(channel.keys.size());
  for (const SavedKey& key : channel.keys) keys.emplace_back(key.scope, key.key);
  std::sort(keys.begin(), keys.end());
  return std::adjacent_find(keys.begin(), keys.end()) != keys.end();
}

// `names`: of the channels so far.
SavedChannel read_channel(Reader& in, const SavedHead& head, std::unordered_set<std::string_view>& names) {
  const std::size_t start = in.at();
  SavedChannel channel;
  const std::string_view name = in.text<std::uint8_t>();
  channel.name = name;
  channel.floor = in.integer<std::uint64_t>();
  channel.top = in.integer<std::uint64_t>();
  channel.top_number = in.integer<std::uint64_t>();
  if (in.failed()) return channel;
  if (const std::string problem = command::check_channel_name(name); !problem.empty()) {
    std::string sentence = "a channel's name ";
    sentence += problem;
    in.refuse(start, std::move(sentence));
  }
  if (!names.insert(name).second) in.refuse(start, "a channel must stand here once, found it twice");
  in.refuse_if(fault_of(channel, head), start);

  const std::size_t messages = in.count(message_bytes_min);
  channel.messages.reserve(messages);
  while (!in.failed() && channel.messages.size() < messages) channel.messages.push_back(read_message(in, channel));
  const std::size_t keys_at = in.at();
  const std::size_t keys = in.count(key_bytes_min);
  channel.keys.reserve(keys);
  while (!in.failed() && channel.keys.size() < keys) channel.keys.push_back(read_key(in, channel));
  if (!in.failed() && holds_a_key_twice(channel)) in.refuse(keys_at, "a channel must hold an idempotency key once");
  return channel;
}

// What follows the version, up to the digest.
SavedState read_records(Reader& in) {
  SavedState state;
  const std::size_t start = in.at();
  state.epoch = in.text<std::uint8_t>();
  state.sequence = in.integer<std::uint64_t>();
  state.floor = in.integer<std::uint64_t>();
  in.refuse_if(fault_of(state), start);

  std::unordered_set<std::string_view> names;
  while (!in.failed()) {
    const std::size_t tag_at = in.at();
    const auto tag = in.integer<std::uint8_t>();
    if (in.failed() || tag == end_tag) break;
    if (tag != channel_tag) {
      in.refuse(tag_at, "expected a channel or the end");
      break;
    }
    state.channels.push_back(read_channel(in, state, names));
  }
  const std::size_t end_at = in.at();
  const auto channels = in.integer<std::uint64_t>();
  if (channels != state.channels.size()) {
    in.refuse(end_at, "expected the number of channels, " + std::to_string(state.channels.size()) + ", found " +
                          std::to_string(channels));
  }
  static_cast<void>(in.integer<std::uint64_t>());  // the length, which was looked at first
  if (in.left() > 0)
    in.refuse(in.at(), "expected the checksum, found " + std::to_string(in.left()) + " bytes before it");
  return state;
}

// Is it a whole file of ours, as somebody once wrote it? nullopt when it is.
std::optional<std::string> envelope_fault(std::string_view file) {
  const std::string_view known = file.substr(0, magic.size());
  if (known != magic.substr(0, known.size())) return "it is no state file of Crier's";
  constexpr std::size_t head_bytes = magic.size() + sizeof(format_version);
  const auto cut = [&] {
    return "it does not end as it should after its " + std::to_string(file.size()) +
           " bytes: it was cut off, or something was added";
  };
  if (file.size() < head_bytes) return cut();
  const auto version = Reader(file, magic.size()).integer<std::uint32_t>();
  // Before anything else: another version may have another end.
  if (version != format_version) {
    return "it has the format's version " + std::to_string(version) + ", and this broker reads version " +
           std::to_string(format_version);
  }
  if (file.size() < head_bytes + end_bytes) return cut();
  Reader end(file, file.size() - end_bytes);
  const auto tag = end.integer<std::uint8_t>();
  static_cast<void>(end.integer<std::uint64_t>());
  if (tag != end_tag || end.integer<std::uint64_t>() != file.size()) return cut();
  Sha256 digest;
  digest.feed(file.substr(0, file.size() - sha256_bytes));
  const auto sum = digest.finish();
  if (std::string_view(sum.data(), sum.size()) == file.substr(file.size() - sha256_bytes)) return std::nullopt;
  return "its checksum does not fit: some of its " + std::to_string(file.size()) + " bytes were changed";
}

}  // namespace

Result<SavedState, std::string> read_state(std::string_view bytes) {
  if (auto fault = envelope_fault(bytes)) return std::move(*fault);
  Reader in(bytes.substr(0, bytes.size() - sha256_bytes), magic.size() + sizeof(format_version));
  SavedState state = read_records(in);
  if (!in.failed()) return state;
  std::string sentence = "byte " + std::to_string(in.fault().at) + ": ";
  sentence += in.fault().sentence;
  return sentence;
}

}  // namespace crier::state
