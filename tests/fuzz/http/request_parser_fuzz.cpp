// Property: heads, bodies and the fault that a connection's bytes amount to do not depend on how the reads
// were cut, and what is kept never exceeds the limits. The first byte chooses the limits and the cuts, so
// that the seeds stay readable: an even one takes the defaults, an odd one small limits.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "protocol/base/check.hpp"
#include "protocol/http/head_syntax.hpp"
#include "protocol/http/request_parser.hpp"

namespace {

using namespace crier::http;

void check_head(const RequestHead& head, const ParserLimits& limits) {
  std::size_t bytes = head.method.size() + head.target.size();
  for (const Header& header : head.headers) {
    bytes += header.name.size() + header.value.size();
    CRIER_ASSERT(is_token(header.name) && is_field_value(header.value));
  }
  CRIER_ASSERT(bytes <= limits.head_bytes_max);
  CRIER_ASSERT(head.headers.size() <= limits.headers_max);
  CRIER_ASSERT(is_token(head.method) && !head.target.empty());
  CRIER_ASSERT(head.minor_version == 0 || head.count("host") == 1);
  CRIER_ASSERT(head.count("content-length") + head.count("transfer-encoding") <= 1);
  // No property of its own: the sanitizers watch them.
  static_cast<void>(head.keep_alive());
  static_cast<void>(parse_query(head.query()));
}

std::string describe(const RequestHead& head) {
  std::string text = head.method + ' ' + head.target + ' ' + std::to_string(head.minor_version);
  for (const Header& header : head.headers) text += '\n' + header.name + ':' + header.value;
  return text;
}

// One connection. `transcript` is all that a caller can see of it, in order.
struct Connection {
  explicit Connection(const ParserLimits& the_limits) : limits(the_limits), parser(the_limits) {}

  void read(std::string_view input) {
    while (!faulted) {
      const ParseStep step = parser.next(input);
      if (std::holds_alternative<NeedMore>(step)) {
        CRIER_ASSERT(input.empty());
        return;
      }
      on_step(step);
    }
  }

  void on_step(const ParseStep& step) {
    CRIER_ASSERT(parser.body().capacity() <= limits.body_bytes_max || parser.body().capacity() <= 32);
    if (std::holds_alternative<HeadComplete>(step)) {
      CRIER_ASSERT(parser.in_progress());
      check_head(parser.head(), limits);
      transcript += "head " + describe(parser.head()) + '\n';
    } else if (std::holds_alternative<RequestComplete>(step)) {
      CRIER_ASSERT(!parser.in_progress());
      CRIER_ASSERT(parser.body().size() <= limits.body_bytes_max);
      CRIER_ASSERT(parser.expects_body() || parser.body().empty());
      transcript += "body " + parser.take_body() + '\n';
      parser.reset();
    } else {
      on_fault(std::get<RequestFault>(step));
    }
  }

  void on_fault(const RequestFault& fault) {
    faulted = true;
    transcript += "fault " + std::to_string(fault.status) + ' ' + fault.detail + '\n';
    std::string_view more = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    const ParseStep again = parser.next(more);
    CRIER_ASSERT(std::holds_alternative<RequestFault>(again) && std::get<RequestFault>(again) == fault);
  }

  ParserLimits limits;
  RequestParser parser;
  std::string transcript;
  bool faulted = false;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::uint8_t choice = data[0];
  const std::string_view wire(reinterpret_cast<const char*>(data) + 1, size - 1);
  const ParserLimits limits =
      choice % 2 == 0 ? ParserLimits{} : ParserLimits{.head_bytes_max = 96, .body_bytes_max = 20, .headers_max = 3};

  Connection whole(limits);
  whole.read(wire);

  // Pieces whose sizes follow from the bytes themselves, and single bytes.
  Connection pieces(limits);
  for (std::size_t at = 0; at < wire.size();) {
    const std::size_t bytes = 1 + (static_cast<unsigned char>(wire[at]) + choice) % 29;
    const std::string_view piece = wire.substr(at, bytes);
    pieces.read(piece);
    at += piece.size();
  }
  Connection single(limits);
  for (std::size_t at = 0; at < wire.size(); ++at) single.read(wire.substr(at, 1));

  CRIER_ASSERT(pieces.transcript == whole.transcript);
  CRIER_ASSERT(single.transcript == whole.transcript);
  CRIER_ASSERT(pieces.parser.in_progress() == whole.parser.in_progress());
  CRIER_ASSERT(single.parser.in_progress() == whole.parser.in_progress());
  return 0;
}
