#include "protocol/websocket/client_handshake.hpp"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <string_view>
#include <variant>

#include "protocol/http/request_parser.hpp"
#include "protocol/websocket/deflate.hpp"
#include "protocol/websocket/handshake.hpp"
#include "tests/support/every_cut.hpp"

namespace crier::websocket {
namespace {

using testing::for_every_cut;

// RFC 6455 1.3: "the sample nonce", whose accept value the RFC tells.
constexpr std::array<unsigned char, handshake_nonce_bytes> sample_nonce = {'t', 'h', 'e', ' ', 's', 'a', 'm', 'p',
                                                                           'l', 'e', ' ', 'n', 'o', 'n', 'c', 'e'};

UpgradeRequest sample() {
  UpgradeRequest request;
  request.host = "server.example.com";
  request.nonce = sample_nonce;
  return request;
}

UpgradeRequest sample_with_subprotocols() {
  UpgradeRequest request = sample();
  request.subprotocols = {"crier.v1.json", "crier.v1.cbor"};
  return request;
}

std::string answer_with(std::string_view more) {
  return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
         "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" +
         std::string(more) + "\r\n";
}

struct Outcome {
  ClientHandshakeStep step;
  std::string rest;
};

Outcome outcome_of(const UpgradeRequest& request, std::string_view first, std::string_view second = {}) {
  ClientHandshake handshake(request);
  Outcome outcome;
  for (std::string_view piece : {first, second}) {
    if (!std::holds_alternative<http::NeedMore>(outcome.step)) {
      outcome.rest.append(piece);
      continue;
    }
    outcome.step = handshake.next(piece);
    outcome.rest.append(piece);
  }
  return outcome;
}

std::string fault_of(const UpgradeRequest& request, std::string_view answer) {
  const Outcome outcome = outcome_of(request, answer);
  const auto* const fault = std::get_if<HandshakeFault>(&outcome.step);
  EXPECT_NE(fault, nullptr) << answer;
  return fault == nullptr ? "" : fault->detail;
}

TEST(ClientHandshake, Asks_as_the_broker_wants_it) {
  UpgradeRequest request = sample_with_subprotocols();
  request.target = "/message?channel=a";
  request.compression = true;
  request.headers = {{"Authorization", "Bearer abc"}};
  const ClientHandshake handshake(request);

  http::RequestParser parser{http::ParserLimits{}};
  std::string_view text = handshake.request();
  ASSERT_TRUE(std::holds_alternative<http::HeadComplete>(parser.next(text)));
  EXPECT_EQ(parser.head().target, "/message?channel=a");
  EXPECT_EQ(*parser.head().find("Authorization"), "Bearer abc");
  const std::array<std::string_view, 2> ours = {"crier.v1.json", "crier.v1.cbor"};
  const auto upgrade = check_upgrade(parser.head(), {.subprotocols = ours});
  ASSERT_TRUE(upgrade);
  EXPECT_EQ(upgrade->accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  ASSERT_TRUE(upgrade->deflate);

  const std::string answer = write_switching_protocols(*upgrade);
  const Outcome outcome = outcome_of(request, answer);
  EXPECT_EQ(std::get<HandshakeAccepted>(outcome.step), (HandshakeAccepted{"crier.v1.json", true}));
}

TEST(ClientHandshake, Takes_a_right_answer_wherever_it_is_cut_and_leaves_the_frames_behind_it) {
  const std::string wire = answer_with("sec-websocket-protocol: crier.v1.cbor\r\n") + "\x81\x02hi";
  for_every_cut(wire, [&](std::string_view first, std::string_view second) {
    const Outcome outcome = outcome_of(sample_with_subprotocols(), first, second);
    ASSERT_TRUE(std::holds_alternative<HandshakeAccepted>(outcome.step));
    EXPECT_EQ(std::get<HandshakeAccepted>(outcome.step), (HandshakeAccepted{"crier.v1.cbor", false}));
    EXPECT_EQ(outcome.rest, "\x81\x02hi");
  });
}

TEST(ClientHandshake, Compares_names_without_case_and_finds_a_token_in_a_list) {
  const Outcome outcome = outcome_of(sample(),
                                     "HTTP/1.1 101\r\nUPGRADE: WebSocket\r\nconnection: keep-alive, upgrade\r\n"
                                     "sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n");
  EXPECT_TRUE(std::holds_alternative<HandshakeAccepted>(outcome.step));
}

TEST(ClientHandshake, Refuses_a_101_that_does_not_fit_the_request) {
  EXPECT_NE(fault_of(sample(), "HTTP/1.1 101 x\r\n\r\n").find("Upgrade"), std::string::npos);
  EXPECT_NE(fault_of(sample(), "HTTP/1.1 101 x\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n").find("Upgrade"),
            std::string::npos);
  EXPECT_NE(fault_of(sample(), "HTTP/1.1 101 x\r\nUpgrade: websocket\r\n\r\n").find("Connection"), std::string::npos);
  const std::string no_accept = "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n";
  EXPECT_NE(fault_of(sample(), no_accept + "\r\n").find("Accept"), std::string::npos);
  EXPECT_NE(fault_of(sample(), no_accept + "Sec-WebSocket-Accept: AAAA\r\n\r\n").find("Accept"), std::string::npos);
  EXPECT_NE(fault_of(sample(), answer_with("Sec-WebSocket-Accept: x\r\n")).find("Accept"), std::string::npos);
}

TEST(ClientHandshake, Refuses_a_subprotocol_that_it_did_not_ask_for) {
  fault_of(sample(), answer_with("Sec-WebSocket-Protocol: crier.v1.json\r\n"));
  fault_of(sample_with_subprotocols(), answer_with("Sec-WebSocket-Protocol: chat\r\n"));
  fault_of(sample_with_subprotocols(),
           answer_with("Sec-WebSocket-Protocol: crier.v1.json\r\nSec-WebSocket-Protocol: crier.v1.json\r\n"));
  EXPECT_EQ(std::get<HandshakeAccepted>(outcome_of(sample_with_subprotocols(), answer_with("")).step).subprotocol, "");
}

TEST(ClientHandshake, Refuses_an_extension_that_it_did_not_offer) {
  fault_of(sample(), answer_with("Sec-WebSocket-Extensions: permessage-deflate\r\n"));
  UpgradeRequest request = sample();
  request.compression = true;
  fault_of(request, answer_with("Sec-WebSocket-Extensions: permessage-bzip2\r\n"));
  fault_of(request, answer_with("Sec-WebSocket-Extensions: permessage-deflate\r\n"));
  EXPECT_FALSE(std::get<HandshakeAccepted>(outcome_of(request, answer_with("")).step).deflate);
}

TEST(ClientHandshake, Takes_compression_only_as_it_was_offered) {
  for (const std::string_view good :
       {"permessage-deflate; server_no_context_takeover", "permessage-deflate;server_no_context_takeover",
        "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
        "permessage-deflate; client_no_context_takeover; server_no_context_takeover; server_max_window_bits=9"}) {
    EXPECT_TRUE(accepts_deflate_offer(good)) << good;
  }
  for (const std::string_view bad :
       {"", "permessage-deflate", "permessage-deflate; client_no_context_takeover",
        "permessage-deflate; server_no_context_takeover=1", "permessage-deflate; server_no_context_takeover; x",
        "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
        "permessage-deflate; server_no_context_takeover; client_max_window_bits=15",
        "permessage-deflate; server_no_context_takeover; server_max_window_bits",
        "permessage-deflate; server_no_context_takeover; server_max_window_bits=16",
        "permessage-deflate; server_no_context_takeover, permessage-deflate; server_no_context_takeover",
        "permessage-deflate; server_no_context_takeover;", "x"}) {
    EXPECT_FALSE(accepts_deflate_offer(bad)) << bad;
  }
  EXPECT_TRUE(negotiate_deflate(deflate_offer).agreement);
  EXPECT_TRUE(accepts_deflate_offer(extension_header(*negotiate_deflate(deflate_offer).agreement)));
}

TEST(ClientHandshake, Tells_why_the_broker_refused_wherever_the_answer_is_cut) {
  const std::string wire =
      "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 7\r\nContent-Length: 51\r\n\r\n"
      R"({"detail":"the broker stops","code":"unavailable"}  )";
  for_every_cut(wire.substr(0, wire.size() - 1), [&](std::string_view first, std::string_view second) {
    const Outcome outcome = outcome_of(sample(), first, second);
    ASSERT_TRUE(std::holds_alternative<HandshakeRefused>(outcome.step));
    EXPECT_EQ(std::get<HandshakeRefused>(outcome.step), (HandshakeRefused{503, 7, "unavailable", "the broker stops"}));
  });
}

TEST(ClientHandshake, Takes_a_refusal_without_words_and_with_a_date_for_what_it_is) {
  for (const std::string_view answer :
       {"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n<hi>",
        "HTTP/1.1 503 x\r\nRetry-After: Fri, 31 Dec 1999 23:59:59 GMT\r\nContent-Length: 2\r\n\r\n[]",
        "HTTP/1.1 204 No Content\r\n\r\n"}) {
    const Outcome outcome = outcome_of(sample(), answer);
    ASSERT_TRUE(std::holds_alternative<HandshakeRefused>(outcome.step)) << answer;
    const auto& refused = std::get<HandshakeRefused>(outcome.step);
    EXPECT_EQ(refused.detail, "");
    EXPECT_FALSE(refused.retry_after_s);
  }
}

TEST(ClientHandshake, Ends_a_refusal_without_a_length_with_the_connection_or_at_the_limit) {
  ClientHandshake handshake(sample());
  std::string_view input = "HTTP/1.1 403 Forbidden\r\n\r\n{\"detail\":\"no\"}";
  ASSERT_TRUE(std::holds_alternative<http::NeedMore>(handshake.next(input)));
  EXPECT_EQ(std::get<HandshakeRefused>(handshake.finish()).detail, "no");

  ClientHandshake flooded(sample());
  const std::string flood = "HTTP/1.1 403 Forbidden\r\n\r\n" + std::string(100'000, 'x');
  input = flood;
  EXPECT_TRUE(std::holds_alternative<HandshakeRefused>(flooded.next(input)));
}

TEST(ClientHandshake, Passes_over_other_answers_of_the_1xx_class) {
  const Outcome outcome = outcome_of(sample(), "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + answer_with(""));
  EXPECT_TRUE(std::holds_alternative<HandshakeAccepted>(outcome.step));
}

TEST(ClientHandshake, Knows_at_the_first_bytes_that_this_is_no_http) {
  EXPECT_EQ(fault_of(sample(), "S"), "is no HTTP/1.1");
  EXPECT_EQ(fault_of(sample(), std::string("\x15\x03\x01\x00\x02\x02\x46", 7)), "is no HTTP/1.1");
  EXPECT_EQ(fault_of(sample(), "HTTP/2"), "is no HTTP/1.1");
}

TEST(ClientHandshake, Refuses_heads_that_can_be_read_in_two_ways_or_have_no_end) {
  fault_of(sample(), "HTTP/1.1 1o1 x\r\n\r\n");
  fault_of(sample(), "HTTP/1.1 999 x\r\n\r\n");
  fault_of(sample(), "HTTP/1.1\r\n\r\n");
  fault_of(sample(), "HTTP/1.1 101 a\nb\r\n\r\n");
  fault_of(sample(), answer_with("X : y\r\n"));
  fault_of(sample(), answer_with(" folded\r\n"));
  fault_of(sample(), answer_with("no colon\r\n"));
  fault_of(sample(), "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n");
  fault_of(sample(), "HTTP/1.1 200 OK\r\nContent-Length: one\r\n\r\n");
  fault_of(sample(), "HTTP/1.1 101 x\r\nX: " + std::string(17'000, 'y'));
  std::string many = "HTTP/1.1 200 OK\r\n";
  for (int i = 0; i < 101; ++i) many += "X: y\r\n";
  EXPECT_EQ(fault_of(sample(), many + "\r\n"), "has too many headers");
  std::string hints;
  for (int i = 0; i < 1000; ++i) hints += "HTTP/1.1 103 Early Hints\r\n\r\n";
  EXPECT_EQ(fault_of(sample(), hints), "has a head that is too long");
}

TEST(ClientHandshake, Says_that_an_answer_ended_too_soon) {
  ClientHandshake handshake(sample());
  std::string_view input = "HTTP/1.1 101 Switching";
  ASSERT_TRUE(std::holds_alternative<http::NeedMore>(handshake.next(input)));
  EXPECT_EQ(std::get<HandshakeFault>(handshake.finish()).detail, "ended before it was whole");
}

}  // namespace
}  // namespace crier::websocket
