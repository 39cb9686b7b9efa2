#include "broker/session/outbox.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "protocol/websocket/frame_writer.hpp"
#include "tests/support/server_frames.hpp"

namespace crier::session {
namespace {

using websocket::Opcode;

std::string frame(std::string_view text, Opcode opcode = Opcode::text, bool compressed = false) {
  std::string out;
  websocket::append_server_frame(out, opcode, text, compressed);
  return out;
}

std::string message(std::string_view data) {
  return frame(R"({"op":"message","channel":"a","data":)" + std::string(data) + "}");
}

// Everything that would still be sent, taken with few pieces at a time.
std::string rest_of(const Outbox& outbox) {
  std::vector<std::string_view> pieces(1000);
  std::string all;
  for (std::size_t at = 0, count = outbox.gather(pieces); at < count; ++at) all += pieces[at];
  return all;
}

class OutboxTest : public ::testing::Test {
 protected:
  void push(std::string bytes) {
    const hub::ChunkPtr chunk = pool.take();
    outbox.push(chunk);
    chunk->bytes = std::move(bytes);  // as it grows behind a subscriber's back, until the turn is over
  }
  hub::ChunkPool pool;
  Outbox outbox;
};

TEST_F(OutboxTest, Costs_32_bytes) {
  EXPECT_EQ(sizeof(Outbox), 32U);
}

TEST_F(OutboxTest, Sends_chunks_and_own_frames_in_the_order_in_which_they_came) {
  outbox.own(pool) += "1";
  outbox.own(pool) += "2";
  push("3");
  outbox.own(pool) += "4";
  push("5");
  push("6");
  outbox.own(pool) += "7";
  EXPECT_EQ(rest_of(outbox), "1234567");
}

TEST_F(OutboxTest, Never_appends_to_a_chunk_that_others_see_or_that_is_being_sent) {
  const hub::ChunkPtr shared = pool.take();
  outbox.push(shared);
  shared->bytes = "ab";
  outbox.own(pool) += "c";
  EXPECT_EQ(shared->bytes, "ab");
  outbox.consume(1);
  outbox.own(pool) += "d";
  outbox.retain();
  outbox.own(pool) += "e";
  std::vector<std::string_view> pieces(8);
  EXPECT_EQ(outbox.gather(pieces), 4U);
  EXPECT_EQ(rest_of(outbox), "bcde");
}

TEST_F(OutboxTest, Gathers_no_more_pieces_than_there_is_room_for) {
  for (const char* text : {"1", "2", "3", "4"}) push(text);
  std::vector<std::string_view> pieces(3);
  EXPECT_EQ(outbox.gather(pieces), 3U);
  EXPECT_EQ(pieces[2], "3");
  EXPECT_EQ(outbox.gather({}), 0U);
}

TEST_F(OutboxTest, Counts_what_waits_with_what_its_chunks_cost_and_nothing_else) {
  push("12345");
  push("678");
  EXPECT_EQ(outbox.bytes(), 0U);
  outbox.consume(2);
  outbox.retain();
  EXPECT_EQ(outbox.bytes(), 6U + 2 * hub::chunk_overhead);
  EXPECT_GT(pool.retained_bytes(), 0U);
  outbox.own(pool) += "9";
  EXPECT_EQ(outbox.bytes(), 6U + 2 * hub::chunk_overhead) << "counts from the next retain on";
  outbox.retain();
  EXPECT_EQ(outbox.bytes(), 7U + 3 * hub::chunk_overhead);
  outbox.consume(3);
  EXPECT_EQ(outbox.bytes(), 4U + 2 * hub::chunk_overhead);
  outbox.consume(4);
  EXPECT_EQ(outbox.bytes(), 0U);
  EXPECT_TRUE(outbox.empty());
  EXPECT_EQ(pool.retained_bytes(), 0U);
}

// What an outbox should hold, kept the simple way.
struct Model {
  std::deque<std::pair<std::string, bool>> chunks;  // and whether it is counted
  bool own_open = false;

  void push(const std::string& bytes) {
    chunks.emplace_back(bytes, false);
    own_open = false;
  }
  void own(const std::string& bytes) {
    if (!own_open) chunks.emplace_back("", false);
    own_open = true;
    chunks.back().first += bytes;
  }
  void consume(std::size_t sent) {
    own_open = false;
    for (; !chunks.empty() && sent >= chunks.front().first.size(); chunks.pop_front()) {
      sent -= chunks.front().first.size();
    }
    if (sent > 0) chunks.front().first.erase(0, sent);
  }
  void retain() {
    own_open = false;
    for (auto& chunk : chunks) chunk.second = true;
  }
  [[nodiscard]] std::string text() const {
    std::string all;
    for (const auto& chunk : chunks) all += chunk.first;
    return all;
  }
  [[nodiscard]] std::size_t counted() const {
    std::size_t bytes = 0;
    for (const auto& [text, retained] : chunks) bytes += retained ? text.size() + hub::chunk_overhead : 0;
    return bytes;
  }
};

TEST_F(OutboxTest, Agrees_with_a_plain_queue_under_random_pushes_sends_and_waits) {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    Model model;
    char next = 'a';
    for (int i = 0; i < 1500; ++i) {
      next = next == 'z' ? 'a' : static_cast<char>(next + 1);
      const std::string bytes(1 + random() % 9, next);
      switch (random() % 6) {
        case 0:
        case 1: push(bytes), model.push(bytes); break;
        case 2: outbox.own(pool) += bytes, model.own(bytes); break;
        case 3: outbox.retain(), model.retain(); break;
        default: {
          // Long stretches in which little is sent, so that the queue gets long and short again.
          const std::size_t most = i / 300 % 2 == 0 ? 6 : 60;
          const std::size_t sent = std::min<std::size_t>(model.text().size(), random() % most);
          outbox.consume(sent);
          model.consume(sent);
        }
      }
      ASSERT_EQ(rest_of(outbox), model.text());
      ASSERT_EQ(outbox.bytes(), model.counted());
      ASSERT_EQ(outbox.empty(), model.chunks.empty());
    }
    outbox.clear();
    EXPECT_EQ(pool.retained_bytes(), 0U);
  }
}

TEST_F(OutboxTest, Keeps_but_the_rest_of_the_frame_in_hand_wherever_it_was_cut) {
  const std::vector<std::string> frames = {message("1"),
                                           frame(R"({"op":"pong"})"),
                                           message('"' + std::string(200, 'x') + '"'),
                                           message("2"),
                                           frame("", Opcode::ping),
                                           message('"' + std::string(70'000, 'y') + '"'),
                                           frame("zz", Opcode::text, /*compressed=*/true),
                                           message("3"),
                                           frame(R"({"op":"subscribed","channel":"a"})")};
  const std::vector<bool> is_message = {true, false, true, true, false, true, true, true, false};
  std::string all;
  for (const std::string& one : frames) all += one;
  // Two frames a chunk. Every cut but inside the one long payload, where only some are tried.
  for (std::size_t cut = 0; cut <= all.size(); cut += cut > 400 && cut < 70'000 ? 997 : 1) {
    SCOPED_TRACE("cut " + std::to_string(cut));
    for (std::size_t at = 0; at < frames.size(); at += 2) {
      push(frames[at] + (at + 1 < frames.size() ? frames[at + 1] : ""));
    }
    outbox.retain();
    outbox.consume(cut);
    std::size_t end = 0;
    std::size_t dropped = 0;
    for (std::size_t at = 0; at < frames.size(); ++at) {
      if (end < cut) {
        end += frames[at].size();
      } else {
        dropped += is_message[at] ? 1 : 0;
      }
    }
    ASSERT_EQ(outbox.drop_all_but_frame_in_hand(pool), dropped);
    ASSERT_EQ(rest_of(outbox), all.substr(cut, end - cut));
    ASSERT_EQ(outbox.bytes(), 0U);
    ASSERT_EQ(pool.retained_bytes(), 0U);
    const std::string close = frame("\x0f\xa0", Opcode::close);
    outbox.own(pool) += close;
    ASSERT_EQ(rest_of(outbox), all.substr(cut, end - cut) + close);
    outbox.clear();
  }
}

// An answer that a peer does not read may still wait when the connection becomes a WebSocket. Taken for
// frames, its text would name lengths far beyond its end.
TEST_F(OutboxTest, Keeps_all_of_a_preamble_that_is_no_frames_wherever_it_was_cut) {
  const std::string answer = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc";
  const std::string upgrade = "HTTP/1.1 101 Switching Protocols\r\n\r\n";
  const std::string preamble = answer + upgrade;
  const std::string welcome = frame(R"({"op":"welcome"})");
  for (std::size_t cut = 0; cut <= preamble.size() + welcome.size(); ++cut) {
    SCOPED_TRACE("cut " + std::to_string(cut));
    outbox.own(pool) += answer;
    outbox.retain();
    outbox.own(pool) += upgrade;
    outbox.end_preamble();
    outbox.own(pool) += welcome;
    push(message("1") + message("2"));
    outbox.retain();
    outbox.consume(cut);
    ASSERT_EQ(outbox.drop_all_but_frame_in_hand(pool), 2U);
    const std::size_t end = cut <= preamble.size() ? preamble.size() : preamble.size() + welcome.size();
    ASSERT_EQ(rest_of(outbox), (preamble + welcome).substr(cut, end - cut));
    outbox.clear();
  }
}

TEST_F(OutboxTest, Has_nothing_to_drop_when_it_is_empty) {
  EXPECT_EQ(outbox.drop_all_but_frame_in_hand(pool), 0U);
}

using OutboxDeathTest = OutboxTest;
TEST_F(OutboxDeathTest, Takes_it_for_a_bug_when_more_was_sent_than_there_was) {
  push("123");
  EXPECT_DEATH(outbox.consume(4), "invariant broken");
}

}  // namespace
}  // namespace crier::session
