// The world of a client's core, in a test: a broker that says what the test says, and a clock that the test moves.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "clients/cpp/core.hpp"

namespace crier::testing {

class FakePort : public client::Port {
 public:
  client::Core* core = nullptr;
  client::TimePoint time{std::chrono::hours(1)};
  std::vector<std::string> sent;    // since the test last looked
  std::vector<std::string> tokens;  // of the attempts, in their order
  std::vector<client::TokenReason> asked;
  std::uint64_t question = 0;
  std::uint64_t chance = 0;  // what random() says
  std::optional<client::TimePoint> wanted_time;
  std::optional<websocket::CloseCode> closed_with;
  client::TimePoint heard{};
  std::optional<client::LinkEnd> refused;  // what refusal() says
  bool linked = false;
  bool is_ready = true;
  bool reading_paused = false;
  int turns_wanted = 0;

  client::TimePoint now() override { return time; }
  std::uint64_t random() override { return chance; }
  void connect(const std::string& token) override {
    tokens.push_back(token);
    linked = true;
    heard = time;
    closed_with.reset();
  }
  std::optional<client::LinkEnd> refusal() override { return std::exchange(refused, {}); }
  void drop() override { linked = false; }
  bool ready() override { return linked && is_ready; }
  void send(std::string_view text) override { sent.emplace_back(text); }
  void close(websocket::CloseCode code) override { closed_with = code; }
  client::TimePoint heard_at() override { return heard; }
  void pause_reading(bool paused) override { reading_paused = paused; }
  void want_turn() override { ++turns_wanted; }
  void want_time(client::TimePoint at) override { wanted_time = at; }
  void want_no_time() override { wanted_time.reset(); }
  void ask_token(client::TokenReason reason, std::uint64_t number) override {
    asked.push_back(reason);
    question = number;
  }

  // Every turn that was wished for.
  void run() {
    while (std::exchange(turns_wanted, 0) > 0) core->turn();
  }
  void say(std::string_view text) {
    heard = time;
    core->on_text(text);
    run();
  }
  void welcome(std::string_view more = "") {
    std::string text = R"({"op":"welcome","session":"s1","version":"0.1.0","heartbeat":25)";
    text.append(more).append(R"(,"limits":{"incoming_bytes_max":1048576}})");
    say(text);
  }
  void lose(client::LinkEnd end = client::end_lost("the test cut it")) {
    linked = false;
    core->on_end(std::move(end));
    run();
  }
  // Until something was wished for, and that.
  void wait_for_wish() {
    time = std::max(time, wanted_time.value_or(time));
    wanted_time.reset();
    core->on_time();
    run();
  }
  // With all that is wished for meanwhile.
  void pass(std::chrono::milliseconds duration) {
    const client::TimePoint end = time + duration;
    while (wanted_time && *wanted_time <= end) wait_for_wish();
    time = end;
    core->on_time();
    run();
  }
  // The process is stopped meanwhile.
  void stand_still(std::chrono::milliseconds duration) { time += duration; }
  std::vector<std::string> take_sent() { return std::exchange(sent, {}); }
};

}  // namespace crier::testing
