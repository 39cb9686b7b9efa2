// The text of a server-sent event stream (WHATWG HTML, section 9.2), and the head of the answer that carries
// one. Appends to what the caller has; nothing here allocates beside.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "protocol/http/request.hpp"

namespace crier::http {

inline constexpr std::string_view event_stream_type = "text/event-stream";

// The head of a stream's answer: 200, the type, what keeps caches and proxies from holding events back, and
// `headers`, as for write_response.
//
// The stream ends with the connection: neither a length nor chunks. A chunk's size line would be another one
// for each stream, so that the bytes of an event could not be shared by all; HTTP/1.0 proxies take no chunks
// (nginx asks its upstreams as one by default); and a stream that was cut needs no telling apart from one
// that ended, because a browser throws away the event that it has half of, and comes back in both cases.
void append_event_stream_head(std::string& out, std::span<const Header> headers);

// One event. `event` is a name of our own; `json` is one JSON value, to which a line end is white space: the
// publisher's own line ends become spaces, so that an event is always one line of data.
void append_event(std::string& out, std::string_view event, std::string_view json);

// Goes before an event's other lines: what a browser sends as Last-Event-ID when it comes back. Between the two the
// caller writes an id without line ends.
inline constexpr std::string_view event_id_open = "id: ";
inline constexpr std::string_view event_id_close = "\n";

// Nothing to a client; to everything in between a sign of life.
void append_comment(std::string& out);

// How long a browser waits before it comes back.
void append_retry(std::string& out, std::uint64_t delay_ms);

}  // namespace crier::http
