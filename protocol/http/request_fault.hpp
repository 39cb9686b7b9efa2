// Why a request was refused before anybody looked at what it asks for: the one table of statuses and labels.
#pragma once

#include <array>
#include <string>
#include <string_view>

namespace crier::http {

// The HTTP status and a sentence for the problem body. After any of these the connection cannot be used
// again, as the request's end is unknown.
struct RequestFault {
  int status = 400;
  std::string_view reason;  // one of request_fault_kinds: a stable label for metrics
  std::string detail;       // a sentence for people; it may quote a header's name, nothing else of the request

  friend bool operator==(const RequestFault&, const RequestFault&) = default;
};

struct FaultKind {
  int status;
  std::string_view reason;
};

namespace fault {
// Method, target or the white space between them; no HTTP at all.
inline constexpr FaultKind bad_request_line{400, "bad_request_line"};
// A field line without a colon or a proper name, or with controls in its value.
inline constexpr FaultKind bad_header{400, "bad_header"};
// Not exactly one Host (HTTP/1.0: more than one), or one that can be no authority.
inline constexpr FaultKind bad_host{400, "bad_host"};
// A shape that two parsers read differently: obs-fold, bare LF or CR, white space before the colon, a
// repeated or malformed Content-Length, a length together with a coding, a coding in HTTP/1.0.
inline constexpr FaultKind smuggling{400, "smuggling"};
// Chunk size, chunk extension, or the end of a chunk.
inline constexpr FaultKind bad_chunk{400, "bad_chunk"};
inline constexpr FaultKind body_too_large{413, "body_too_large"};
inline constexpr FaultKind target_too_long{414, "target_too_long"};
// Too many bytes or too many fields, in the head or in the trailers.
inline constexpr FaultKind head_too_large{431, "head_too_large"};
inline constexpr FaultKind unsupported_coding{501, "unsupported_coding"};
inline constexpr FaultKind unsupported_version{505, "unsupported_version"};
}  // namespace fault

// All of them, so that a metric can show each label from the start.
inline constexpr std::array<FaultKind, 10> request_fault_kinds{
    fault::bad_request_line,   fault::bad_header,          fault::bad_host,        fault::smuggling,
    fault::bad_chunk,          fault::body_too_large,      fault::target_too_long, fault::head_too_large,
    fault::unsupported_coding, fault::unsupported_version,
};

}  // namespace crier::http
