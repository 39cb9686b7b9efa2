#include "protocol/websocket/handshake.hpp"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "protocol/http/request_parser.hpp"
#include "tests/support/every_cut.hpp"

namespace crier::websocket {
namespace {

using testing::for_every_cut;

constexpr std::array<std::string_view, 2> ours = {"crier.v1.json", "crier.v1.cbor"};

constexpr std::string_view chromes_request =
    "GET /message HTTP/1.1\r\n"
    "Host: 0.0.0.0:8008\r\n"
    "Connection: Upgrade\r\n"
    "Pragma: no-cache\r\n"
    "Cache-Control: no-cache\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 "
    "Safari/537.36\r\n"
    "Upgrade: websocket\r\n"
    "Origin: http://localhost:63342\r\n"
    "Sec-WebSocket-Version: 13\r\n"
    "Accept-Encoding: gzip, deflate\r\n"
    "Accept-Language: en-US,en;q=0.9\r\n"
    "Sec-WebSocket-Key: WbKb8XZ0K2mh7EHC3An36Q==\r\n"
    "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"
    "\r\n";

// RFC 6455's sample request without its subprotocols.
http::RequestHead sample() {
  http::RequestHead head;
  head.method = "GET";
  head.target = "/message";
  head.headers = {{"Host", "server.example.com"},
                  {"Upgrade", "websocket"},
                  {"Connection", "Upgrade"},
                  {"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="},
                  {"Sec-WebSocket-Version", "13"}};
  return head;
}

http::RequestHead sample_without(std::string_view name) {
  http::RequestHead head = sample();
  std::erase_if(head.headers, [&](const http::Header& header) { return header.name == name; });
  return head;
}

http::RequestHead sample_with(std::vector<http::Header> headers) {
  http::RequestHead head = sample();
  head.headers.insert(head.headers.end(), headers.begin(), headers.end());
  return head;
}

// In the place of what the sample has under that name.
http::RequestHead sample_with_only(std::string_view name, std::vector<std::string> values) {
  http::RequestHead head = sample_without(name);
  for (std::string& value : values) head.headers.push_back({std::string(name), std::move(value)});
  return head;
}

Result<Upgrade, HandshakeRefusal> check(const http::RequestHead& head, bool compression = true) {
  return check_upgrade(head, {.subprotocols = ours, .compression = compression});
}

void expect_refused(const http::RequestHead& head, int status, std::string_view reason) {
  const auto result = check(head);
  ASSERT_FALSE(result) << "accepted, expected " << reason;
  EXPECT_EQ(result.error().status, status);
  EXPECT_EQ(result.error().reason, reason);
  EXPECT_FALSE(result.error().detail.empty());
}

http::RequestHead with_protocols(std::vector<std::string> lines) {
  return sample_with_only("Sec-WebSocket-Protocol", std::move(lines));
}

http::RequestHead with_extensions(std::vector<std::string> lines) {
  return sample_with_only("Sec-WebSocket-Extensions", std::move(lines));
}

// ---- What is accepted ----

TEST(Handshake, Answers_Chromes_request_wherever_its_bytes_are_cut) {
  for_every_cut(chromes_request, [](std::string_view first, std::string_view second) {
    http::RequestParser parser{http::ParserLimits{}};
    http::ParseStep step = parser.next(first);
    if (std::holds_alternative<http::NeedMore>(step)) step = parser.next(second);
    ASSERT_TRUE(std::holds_alternative<http::HeadComplete>(step));
    ASSERT_TRUE(wants_websocket(parser.head()));
    const auto upgrade = check(parser.head());
    ASSERT_TRUE(upgrade);
    ASSERT_EQ(write_switching_protocols(*upgrade),
              "HTTP/1.1 101 Switching Protocols\r\n"
              "Upgrade: websocket\r\n"
              "Connection: Upgrade\r\n"
              "Sec-WebSocket-Accept: i2zQggMN643x/p5VFvBCRypYCfY=\r\n"
              "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; "
              "client_no_context_takeover\r\n"
              "\r\n");
  });
}

TEST(Handshake, Answers_the_least_request_with_the_least_answer) {
  const auto upgrade = check(sample());
  ASSERT_TRUE(upgrade);
  EXPECT_EQ(upgrade->subprotocol, "");
  EXPECT_EQ(upgrade->deflate, std::nullopt);
  EXPECT_EQ(write_switching_protocols(*upgrade),
            "HTTP/1.1 101 Switching Protocols\r\n"
            "Upgrade: websocket\r\n"
            "Connection: Upgrade\r\n"
            "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
            "\r\n");
}

TEST(Handshake, Names_subprotocol_and_extension_in_the_answer) {
  const Upgrade upgrade{.accept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
                        .subprotocol = "crier.v1.json",
                        .deflate = DeflateAgreement{.window = DeflateWindow::small, .server_max_window_bits = 9}};
  EXPECT_EQ(write_switching_protocols(upgrade),
            "HTTP/1.1 101 Switching Protocols\r\n"
            "Upgrade: websocket\r\n"
            "Connection: Upgrade\r\n"
            "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
            "Sec-WebSocket-Protocol: crier.v1.json\r\n"
            "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover; "
            "server_max_window_bits=9\r\n"
            "\r\n");
}

TEST(AcceptValue, Is_what_the_RFC_and_openssl_compute) {
  EXPECT_EQ(accept_value("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  EXPECT_EQ(accept_value("WbKb8XZ0K2mh7EHC3An36Q=="), "i2zQggMN643x/p5VFvBCRypYCfY=");
}

TEST(Handshake, Compares_the_tokens_of_Upgrade_and_Connection_without_case_and_in_lists) {
  EXPECT_TRUE(check(sample_with_only("Upgrade", {"WebSocket"})));
  EXPECT_TRUE(check(sample_with_only("Upgrade", {"h2c, websocket"})));
  EXPECT_TRUE(check(sample_with_only("Upgrade", {"h2c", "WEBSOCKET"})));
  EXPECT_TRUE(check(sample_with_only("Connection", {"keep-alive, Upgrade"})));
  EXPECT_TRUE(check(sample_with_only("Connection", {"keep-alive", "upgrade"})));
}

TEST(Handshake, Accepts_a_body_length_of_nothing) {
  EXPECT_TRUE(check(sample_with({{"Content-Length", "0"}})));
}

TEST(WantsWebsocket, Looks_for_the_token_in_Upgrade_alone) {
  EXPECT_TRUE(wants_websocket(sample()));
  EXPECT_TRUE(wants_websocket(sample_without("Connection")));
  EXPECT_FALSE(wants_websocket(sample_without("Upgrade")));
  EXPECT_FALSE(wants_websocket(sample_with_only("Upgrade", {"h2c"})));
  EXPECT_FALSE(wants_websocket(sample_with_only("Upgrade", {"websockets"})));
}

// ---- What is refused ----

TEST(Handshake, Refuses_every_method_but_GET) {
  for (const char* method : {"POST", "HEAD", "OPTIONS", "CONNECT", "get", "GETT", ""}) {
    http::RequestHead head = sample();
    head.method = method;
    expect_refused(head, 405, "bad_method");
  }
}

TEST(Handshake, Refuses_HTTP_below_one_point_one) {
  http::RequestHead head = sample();
  head.minor_version = 0;
  expect_refused(head, 400, "http_version");
}

TEST(Handshake, Refuses_a_request_without_a_Host_or_with_two) {
  expect_refused(sample_without("Host"), 400, "bad_host");
  expect_refused(sample_with({{"host", "server.example.com"}}), 400, "bad_host");
}

TEST(Handshake, Refuses_a_body_on_an_upgrade) {
  expect_refused(sample_with({{"Content-Length", "1"}}), 400, "body");
  expect_refused(sample_with({{"content-length", "00010"}}), 400, "body");
  expect_refused(sample_with({{"Transfer-Encoding", "chunked"}}), 400, "body");
}

TEST(Handshake, Refuses_an_upgrade_to_something_else_or_one_that_Connection_does_not_confirm) {
  expect_refused(sample_without("Upgrade"), 400, "bad_upgrade");
  expect_refused(sample_with_only("Upgrade", {"h2c"}), 400, "bad_upgrade");
  expect_refused(sample_with_only("Upgrade", {"web socket"}), 400, "bad_upgrade");
  expect_refused(sample_without("Connection"), 400, "bad_upgrade");
  expect_refused(sample_with_only("Connection", {"keep-alive"}), 400, "bad_upgrade");
  expect_refused(sample_with_only("Connection", {"Upgrades"}), 400, "bad_upgrade");
}

TEST(Handshake, Asks_for_version_13_when_the_request_has_another_or_none_or_two) {
  for (const auto& values : std::vector<std::vector<std::string>>{
           {}, {"8"}, {"7"}, {"0"}, {"14"}, {"013"}, {"13 "}, {"13, 8"}, {"8, 13"}, {"13", "13"}, {"13", "8"}, {""}}) {
    expect_refused(sample_with_only("Sec-WebSocket-Version", values), 426, "bad_version");
  }
}

TEST(Handshake, Tells_with_a_426_which_version_it_speaks) {
  const auto result = check(sample_without("Sec-WebSocket-Version"));
  ASSERT_FALSE(result);
  std::string text;
  for (const auto& [name, value] : result.error().headers()) text += name + ": " + value + "\n";
  EXPECT_EQ(text, "Sec-WebSocket-Version: 13\nUpgrade: websocket\nConnection: Upgrade\n");
  EXPECT_TRUE((HandshakeRefusal{400, "bad_key", "…"}.headers().empty()));
}

TEST(Handshake, Refuses_every_key_but_the_base64_of_16_bytes) {
  for (const auto& values :
       std::vector<std::vector<std::string>>{{},
                                             {""},
                                             {"dGhlIHNhbXBsZSBub25jZQ"},     // no padding
                                             {"dGhlIHNhbXBsZSBub25jZQ="},    // 23 characters
                                             {"dGhlIHNhbXBsZSBub25jZQ==="},  // 25
                                             {"dGhlIHNhbXBsZSBub25jZR=="},   // not canonical: bits behind the last byte
                                             {"dGhlIHNhbXBsZSBub25jZT=="},
                                             {"dGhlIHNhbXBsZSBub25jZWU="},  // 17 bytes
                                             {"dGhlIHNhbXBsZSBub25jZWVl"},  // 18 bytes
                                             {"dGhlIHNhbXBsZSBub25j"},      // 15 bytes
                                             {"dGhlIHNhbXBsZSBub25jZQ=A"},
                                             {"dGhlIHNhbXBs=SBub25jZQ=="},
                                             {"dGhlIHNhbXBsZSBub2-_ZQ=="},  // base64url
                                             {"dGhlIHNhbXBsZSBub25 ZQ=="},
                                             {"dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZQ=="},  // twice
                                             {"dGhlIHNhbXBsZSBub25jZQ==, dGhlIHNhbXBsZSBub25jZQ=="},
                                             {std::string("dGhlIHNhbXBsZSBub25jZ\0==", 24)}}) {
    expect_refused(sample_with_only("Sec-WebSocket-Key", values), 400, "bad_key");
  }
  for (const char* key : {"AAAAAAAAAAAAAAAAAAAAAA==", "/////////////////////w==", "AAECAwQFBgcICQoLDA0ODw==",
                          "++++++++++++++++++++Ag=="}) {
    EXPECT_TRUE(check(sample_with_only("Sec-WebSocket-Key", {key}))) << key;
  }
}

TEST(Handshake, Refuses_each_prefix_of_a_key) {
  for_every_cut("dGhlIHNhbXBsZSBub25jZQ==", [](std::string_view first, std::string_view second) {
    const auto result = check(sample_with_only("Sec-WebSocket-Key", {std::string(first)}));
    ASSERT_EQ(static_cast<bool>(result), second.empty()) << first;
  });
}

// ---- Subprotocols ----

TEST(Subprotocol, Follows_the_clients_order_of_preference_and_not_ours) {
  const auto chosen = [](std::vector<std::string> lines) {
    return check(with_protocols(std::move(lines)))->subprotocol;
  };
  EXPECT_EQ(chosen({"crier.v1.json"}), "crier.v1.json");
  EXPECT_EQ(chosen({"crier.v1.cbor"}), "crier.v1.cbor");
  EXPECT_EQ(chosen({"crier.v1.cbor, crier.v1.json"}), "crier.v1.cbor");
  EXPECT_EQ(chosen({"crier.v1.json,crier.v1.cbor"}), "crier.v1.json");
  EXPECT_EQ(chosen({"mqtt, crier.v1.cbor\t,\t crier.v1.json"}), "crier.v1.cbor");
  EXPECT_EQ(chosen({"mqtt", "crier.v1.cbor", "crier.v1.json"}), "crier.v1.cbor");
}

TEST(Subprotocol, Is_refused_with_a_list_of_ours_when_none_of_them_is_named) {
  for (const char* header : {"mqtt", "CRIER.V1.JSON", "crier.v1.jso", "crier.v1.json2", "crier.v2.json, mqtt"}) {
    const auto result = check(with_protocols({header}));
    ASSERT_FALSE(result) << header;
    EXPECT_EQ(result.error().status, 400);
    EXPECT_EQ(result.error().reason, "no_subprotocol");
    EXPECT_EQ(result.error().detail,
              "None of the subprotocols asked for is spoken here. Spoken are: crier.v1.json, crier.v1.cbor.");
  }
}

TEST(Subprotocol, Is_refused_where_none_is_spoken) {
  const auto result = check_upgrade(with_protocols({"crier.v1.json"}), {});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().reason, "no_subprotocol");
  EXPECT_EQ(result.error().detail, "No subprotocol is spoken here; ask for none.");
  EXPECT_TRUE(check_upgrade(sample(), {}));
}

TEST(Subprotocol, Is_malformed_when_a_name_is_empty_or_no_token_or_there_twice) {
  for (const auto& lines : std::vector<std::vector<std::string>>{{""},
                                                                 {","},
                                                                 {"crier.v1.json,"},
                                                                 {",crier.v1.json"},
                                                                 {"crier.v1.json, , mqtt"},
                                                                 {"crier.v1.json", ""},
                                                                 {"crier v1"},
                                                                 {"crier.v1.json, \"mqtt\""},
                                                                 {"crier.v1.json;q=1"},
                                                                 {"http://crier"},
                                                                 {"crier.v1.json, m\xc3\xb6tt"},
                                                                 {"crier.v1.json, crier.v1.json"},
                                                                 {"mqtt, crier.v1.json, mqtt"},
                                                                 {"crier.v1.json", "crier.v1.json"}}) {
    expect_refused(with_protocols(lines), 400, "bad_subprotocol");
  }
}

TEST(Subprotocol, Names_differ_when_their_case_does) {
  EXPECT_EQ(check(with_protocols({"MQTT, mqtt, crier.v1.json"}))->subprotocol, "crier.v1.json");
}

// ---- Extensions ----

TEST(Extensions, Are_combined_from_several_lines) {
  const auto upgrade =
      check(with_extensions({"permessage-deflate; server_max_window_bits=8", "foo", "permessage-deflate"}));
  ASSERT_TRUE(upgrade);
  EXPECT_EQ(upgrade->deflate, DeflateAgreement{});
}

TEST(Extensions, Are_left_out_when_none_is_acceptable_or_compression_is_off) {
  EXPECT_EQ(check(with_extensions({"foo; bar=1"}))->deflate, std::nullopt);
  EXPECT_EQ(check(with_extensions({"permessage-deflate; server_max_window_bits=8"}))->deflate, std::nullopt);
  EXPECT_EQ(check(with_extensions({"permessage-deflate"}), /*compression=*/false)->deflate, std::nullopt);
  EXPECT_NE(check(with_extensions({"permessage-deflate"}))->deflate, std::nullopt);
}

TEST(Extensions, Are_refused_when_malformed_even_where_compression_is_off) {
  for (const char* header : {"", "permessage-deflate;", "permessage-deflate; a=\"", "permessage-deflate, /"}) {
    expect_refused(with_extensions({header}), 400, "bad_extensions");
    EXPECT_FALSE(check(with_extensions({header}), /*compression=*/false)) << header;
  }
}

}  // namespace
}  // namespace crier::websocket
