// What a connection's bytes were understood as, as text: one line per head, body and fault.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "protocol/base/check.hpp"
#include "protocol/http/request_parser.hpp"

namespace crier::http {

using Transcript = std::vector<std::string>;

// Reads `pieces` one after another as net code does: next() until it wants more, reset() after each request.
inline Transcript read_all(RequestParser& parser, const std::vector<std::string_view>& pieces) {
  Transcript said;
  bool faulted = false;
  for (std::string_view input : pieces) {
    bool more = true;
    while (more && !faulted) {
      std::visit(Overloaded{
                     [&](const NeedMore&) {
                       EXPECT_TRUE(input.empty());
                       more = false;
                     },
                     [&](const HeadComplete&) {
                       const RequestHead& head = parser.head();
                       std::string line = head.method + " " + head.target + " 1." + std::to_string(head.minor_version);
                       for (const Header& header : head.headers) line += " [" + header.name + "|" + header.value + "]";
                       said.push_back(line + (parser.expects_body() ? " +body" : ""));
                     },
                     [&](const RequestComplete&) {
                       said.push_back("body \"" + parser.body() + "\"");
                       parser.reset();
                     },
                     [&](const RequestFault& fault) {
                       said.push_back(std::to_string(fault.status) + " " + std::string(fault.reason));
                       faulted = true;
                     },
                 },
                 parser.next(input));
    }
  }
  return said;
}

inline Transcript read_all(std::string_view wire, ParserLimits limits = {}) {
  RequestParser parser(limits);
  return read_all(parser, {wire});
}

}  // namespace crier::http
