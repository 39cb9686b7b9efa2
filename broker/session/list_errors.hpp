// Why a command that answers with a list is refused, whatever the list is of.
#pragma once

#include "protocol/base/result.hpp"

namespace crier::session {

[[nodiscard]] inline Error too_many_lists() {
  return {ErrorCode::limit_exceeded, "",
          "the replies that wait hold as much as limits.outbox_bytes_max allows: ask for fewer lists at once"};
}

[[nodiscard]] inline Error bad_cursor() {
  return {ErrorCode::bad_request, "cursor",
          "cursor: not one that a reply to this command gave; leave it out to begin anew"};
}

}  // namespace crier::session
