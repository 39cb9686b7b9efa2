#include "protocol/websocket/deflate.hpp"

#define ZLIB_CONST  // zlib only reads its input; without this its pointers say otherwise
#include <zlib.h>

#include <algorithm>
#include <array>
#include <limits>
#include <utility>
#include <vector>

#include "protocol/base/check.hpp"
#include "protocol/http/head_syntax.hpp"

namespace crier::websocket {
namespace {

// ---- Negotiation ----

constexpr std::string_view white_space = " \t";

struct Parameter {
  std::string_view name;
  std::optional<std::string> value;  // without the quotes, where it had some
};

struct Extension {
  std::string_view name;
  std::vector<Parameter> parameters;
};

// RFC 6455 9.1, with white space between any two parts (RFC 2616 2.1, on which that grammar stands):
//   extension = token *( ";" token [ "=" ( token | quoted-string ) ] ), in a comma-separated list.
class ExtensionListParser {
 public:
  explicit ExtensionListParser(std::string_view text) : rest_(text) {}

  // nullopt: malformed. One pass, so a long header costs no more than its length.
  std::optional<std::vector<Extension>> parse() {
    std::vector<Extension> list;
    do {
      skip_white_space();
      if (rest_.empty() || rest_.front() == ',') continue;  // an empty element
      std::optional<Extension> extension = parse_extension();
      if (!extension) return std::nullopt;
      list.push_back(std::move(*extension));
    } while (take(','));
    if (!rest_.empty() || list.empty()) return std::nullopt;
    return list;
  }

 private:
  void skip_white_space() { rest_.remove_prefix(std::min(rest_.find_first_not_of(white_space), rest_.size())); }

  // Takes the separator and the white space on both sides of it.
  bool take(char separator) {
    skip_white_space();
    if (rest_.empty() || rest_.front() != separator) return false;
    rest_.remove_prefix(1);
    skip_white_space();
    return true;
  }

  std::string_view take_token() {
    const auto end = std::find_if_not(rest_.begin(), rest_.end(), http::is_token_byte);
    const std::string_view token = rest_.substr(0, static_cast<std::size_t>(end - rest_.begin()));
    rest_.remove_prefix(token.size());
    return token;
  }

  // What the quotes hold must be a token again once its escapes are resolved.
  std::optional<std::string> take_value() {
    if (rest_.empty() || rest_.front() != '"') {
      const std::string_view token = take_token();
      return token.empty() ? std::nullopt : std::optional(std::string(token));
    }
    std::string value;
    for (std::size_t at = 1; at < rest_.size(); ++at) {
      if (rest_[at] == '"') {
        rest_.remove_prefix(at + 1);
        return http::is_token(value) ? std::optional(std::move(value)) : std::nullopt;
      }
      if (rest_[at] == '\\' && ++at == rest_.size()) break;
      value += rest_[at];
    }
    return std::nullopt;  // no closing quote
  }

  std::optional<Extension> parse_extension() {
    Extension extension;
    extension.name = take_token();
    if (extension.name.empty()) return std::nullopt;
    while (take(';')) {
      Parameter parameter;
      parameter.name = take_token();
      if (parameter.name.empty()) return std::nullopt;
      if (take('=') && !(parameter.value = take_value())) return std::nullopt;
      extension.parameters.push_back(std::move(parameter));
    }
    return extension;
  }

  std::string_view rest_;
};

// RFC 7692 7.1.2: a decimal integer from 8 to 15 without leading zeroes.
std::optional<int> window_bits(const Parameter& parameter) {
  constexpr std::array<std::string_view, 8> values = {"8", "9", "10", "11", "12", "13", "14", "15"};
  if (!parameter.value) return std::nullopt;
  const auto found = std::find(values.begin(), values.end(), *parameter.value);
  if (found == values.end()) return std::nullopt;
  return 8 + static_cast<int>(found - values.begin());
}

// One offer; nullopt: declined. RFC 7692 7.1 has the reasons: a parameter that is unknown, there twice, or
// with a value that it must not have, and a window that we cannot keep to.
std::optional<DeflateAgreement> accept(const Extension& offer) {
  if (offer.name != "permessage-deflate") return std::nullopt;
  enum Known : std::uint8_t { server_takeover, client_takeover, server_window, client_window };
  constexpr std::array<std::string_view, 4> known = {"server_no_context_takeover", "client_no_context_takeover",
                                                     "server_max_window_bits", "client_max_window_bits"};
  std::array<bool, known.size()> seen{};
  DeflateAgreement agreement;
  for (const Parameter& parameter : offer.parameters) {
    const auto which = static_cast<std::size_t>(std::find(known.begin(), known.end(), parameter.name) - known.begin());
    if (which == known.size() || std::exchange(seen[which], true)) return std::nullopt;
    const std::optional<int> bits = window_bits(parameter);
    switch (static_cast<Known>(which)) {
      case server_takeover:
      case client_takeover:
        if (parameter.value) return std::nullopt;
        break;
      case server_window:
        if (!bits || *bits < small_window_bits) return std::nullopt;
        agreement.window = *bits == full_window_bits ? DeflateWindow::full : DeflateWindow::small;
        agreement.server_max_window_bits = *bits == full_window_bits ? full_window_bits : small_window_bits;
        break;
      case client_window:
        if (parameter.value && !bits) return std::nullopt;
        break;
    }
  }
  return agreement;
}

// The parameters of an answer to deflate_offer: server_no_context_takeover must be in it (7.1.1.1), a window of
// the server's may (7.1.2.1), one of the client's may not, since none was offered (7.1.2.2).
bool fits_deflate_offer(const Extension& answer) {
  if (answer.name != "permessage-deflate") return false;
  constexpr std::array<std::string_view, 3> known = {"server_no_context_takeover", "client_no_context_takeover",
                                                     "server_max_window_bits"};
  std::array<bool, known.size()> seen{};
  for (const Parameter& parameter : answer.parameters) {
    const auto which = static_cast<std::size_t>(std::find(known.begin(), known.end(), parameter.name) - known.begin());
    if (which == known.size() || std::exchange(seen[which], true)) return false;
    const bool window = which == 2;
    if (window ? !window_bits(parameter).has_value() : parameter.value.has_value()) return false;
  }
  return seen[0];
}

// ---- Codec ----

// What a sync flush ends with, and the wire leaves out (7.2.1, 7.2.2).
constexpr std::string_view flush_tail("\x00\x00\xff\xff", 4);

// A sync flush takes more than the bound that zlib tells for the data alone; with more than six bytes
// to spare it never emits its marker twice (zlib.h on deflate()).
constexpr std::size_t flush_bytes_max = 16;

constexpr std::size_t zlib_bytes_max = std::numeric_limits<uInt>::max();
constexpr std::size_t kept_buffer_bytes_max = 64 * 1024;
constexpr std::size_t inflate_step_bytes = 16 * 1024;

const Bytef* as_zlib(std::string_view bytes) {
  return reinterpret_cast<const Bytef*>(bytes.data());
}

// zlib keeps a pointer to its z_stream, which therefore never moves.
struct DeflateStream {
  z_stream z{};
  bool created = false;

  DeflateStream() = default;
  DeflateStream(const DeflateStream&) = delete;
  DeflateStream& operator=(const DeflateStream&) = delete;
  ~DeflateStream() {
    if (created) deflateEnd(&z);
  }

  // At the start of a message. A thread that never needs a window never pays for it (256 KiB the full one).
  void begin(int level, int bits, int memory_level) {
    if (!created) {
      CRIER_ASSERT(deflateInit2(&z, level, Z_DEFLATED, -bits, memory_level, Z_DEFAULT_STRATEGY) == Z_OK);
      created = true;
      return;
    }
    CRIER_ASSERT(deflateReset(&z) == Z_OK);
  }
};

// std::string would double its memory; here the limit is worth a move of its own.
void append_within(std::string& out, std::string_view piece, std::size_t bytes_max) {
  const std::size_t needed = out.size() + piece.size();
  CRIER_ASSERT(needed <= bytes_max);
  if (needed > out.capacity()) {
    std::string larger;
    larger.reserve(std::min(std::max(needed, 2 * out.capacity()), bytes_max));
    larger.append(out);
    out.swap(larger);
  }
  out.append(piece);
}

}  // namespace

DeflateNegotiation negotiate_deflate(std::string_view extensions) {
  const auto offers = ExtensionListParser(extensions).parse();
  if (!offers) return {.agreement = std::nullopt, .malformed = true};
  for (const Extension& offer : *offers) {
    if (const auto agreement = accept(offer)) return {.agreement = agreement, .malformed = false};
  }
  return {};
}

bool accepts_deflate_offer(std::string_view extensions) {
  const auto list = ExtensionListParser(extensions).parse();
  return list && list->size() == 1 && fits_deflate_offer(list->front());
}

std::string extension_header(const DeflateAgreement& agreement) {
  std::string header = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
  if (agreement.server_max_window_bits) {
    header += "; server_max_window_bits=" + std::to_string(*agreement.server_max_window_bits);
  }
  return header;
}

struct Deflater::Streams {
  int level;
  DeflateStream full;
  DeflateStream small;
  std::string out;  // its size is its memory; how much of it is filled, each call knows

  // Ready for a message that should not need more than `bytes`.
  void size_buffer(std::size_t bytes) {
    if (out.size() > kept_buffer_bytes_max && bytes <= kept_buffer_bytes_max) std::string().swap(out);
    if (out.size() < bytes) out.resize(bytes);
  }
};

Deflater::Deflater(int level) : streams_(std::make_unique<Streams>()) {
  CRIER_ASSERT(level >= 1 && level <= 9);
  streams_->level = level;
}

Deflater::~Deflater() = default;
Deflater::Deflater(Deflater&&) noexcept = default;
Deflater& Deflater::operator=(Deflater&&) noexcept = default;

std::size_t Deflater::buffer_bytes() const {
  return streams_->out.capacity();
}

std::string_view Deflater::compress(std::string_view message, DeflateWindow window) {
  CRIER_ASSERT(message.size() <= zlib_bytes_max);
  Streams& streams = *streams_;
  DeflateStream& stream = window == DeflateWindow::full ? streams.full : streams.small;
  // Memory levels: zlib's default, and one whose hash table is not many times the 512 bytes of the window.
  if (window == DeflateWindow::full) stream.begin(streams.level, full_window_bits, 8);
  if (window == DeflateWindow::small) stream.begin(streams.level, small_window_bits, 5);

  z_stream& z = stream.z;
  std::string& out = streams.out;
  streams.size_buffer(deflateBound(&z, message.size()) + flush_bytes_max);
  z.next_in = as_zlib(message);
  z.avail_in = static_cast<uInt>(message.size());
  std::size_t produced = 0;
  do {
    if (produced == out.size()) out.resize(out.size() * 2);
    const std::size_t room = std::min(out.size() - produced, zlib_bytes_max);
    z.next_out = reinterpret_cast<Bytef*>(out.data() + produced);
    z.avail_out = static_cast<uInt>(room);
    CRIER_ASSERT(deflate(&z, Z_SYNC_FLUSH) == Z_OK);
    produced += room - z.avail_out;
  } while (z.avail_out == 0);

  const std::string_view whole(out.data(), produced);
  CRIER_ASSERT(z.avail_in == 0 && whole.ends_with(flush_tail));
  return whole.substr(0, whole.size() - flush_tail.size());
}

struct Inflater::Stream {
  z_stream z{};
  bool ended = false;  // what came last was the end of a final block
  std::array<char, inflate_step_bytes> step;

  Stream() { CRIER_ASSERT(inflateInit2(&z, -full_window_bits) == Z_OK); }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  ~Stream() { inflateEnd(&z); }

  void begin() {
    CRIER_ASSERT(inflateReset(&z) == Z_OK);
    ended = false;
  }

  // Between two blocks and two bytes, where a sync flush leaves it? (zlib.h on data_type: 128 after a
  // block's end, plus the number of unused bits.)
  [[nodiscard]] bool at_block_boundary() const { return z.data_type == 128; }

  // Takes all of `input`. One more byte than the limit is asked for, to see that there is more.
  std::optional<InflateError> feed(std::string_view input, std::size_t bytes_max, std::string& out) {
    z.next_in = as_zlib(input);
    z.avail_in = static_cast<uInt>(input.size());
    do {
      const std::size_t left = bytes_max - out.size();
      const std::size_t room = std::min(step.size() - 1, left) + 1;
      z.next_out = reinterpret_cast<Bytef*>(step.data());
      z.avail_out = static_cast<uInt>(room);
      const int status = ::inflate(&z, Z_SYNC_FLUSH);
      CRIER_ASSERT(status != Z_MEM_ERROR && status != Z_STREAM_ERROR);
      const std::size_t produced = room - z.avail_out;
      if (produced > left) return InflateError::too_big;
      append_within(out, {step.data(), produced}, bytes_max);
      // Z_BUF_ERROR only says that there was nothing to do.
      if (status != Z_OK && status != Z_BUF_ERROR && status != Z_STREAM_END) return InflateError::corrupt;
      ended = status == Z_STREAM_END;
      // 7.2.3.4: a sender may mark any block as final, and more blocks may follow.
      if (ended) CRIER_ASSERT(inflateReset(&z) == Z_OK);
    } while (z.avail_in > 0 || (z.avail_out == 0 && !ended));
    return std::nullopt;
  }

  std::optional<InflateError> inflate(std::string_view payload, std::size_t bytes_max, std::string& out) {
    if (payload.size() > zlib_bytes_max) return InflateError::too_big;
    begin();
    if (const auto error = feed(payload, bytes_max, out)) return error;
    // A final block at the very end is the whole message: the tail belongs to a flush that was not made.
    if (ended) return std::nullopt;
    const std::size_t whole_bytes = out.size();
    if (const auto error = feed(flush_tail, bytes_max, out)) return error;
    // The tail must have been the length of an empty stored block: any other reading means that the payload
    // was cut short, and the tail stood in for what is missing.
    if (out.size() != whole_bytes || !(ended || at_block_boundary())) return InflateError::corrupt;
    return std::nullopt;
  }
};

Inflater::Inflater() : stream_(std::make_unique<Stream>()) {}
Inflater::~Inflater() = default;
Inflater::Inflater(Inflater&&) noexcept = default;
Inflater& Inflater::operator=(Inflater&&) noexcept = default;

std::optional<InflateError> Inflater::inflate(std::string_view payload, std::size_t message_bytes_max,
                                              std::string& out) {
  out.clear();
  const auto error = stream_->inflate(payload, message_bytes_max, out);
  if (error) out.clear();
  return error;
}

}  // namespace crier::websocket
