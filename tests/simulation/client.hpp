// One client: what it wants, what it says, what it hears, and what it may expect. It outlives its connections,
// as a browser's tab does, and remembers where it stood.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "tests/simulation/loop.hpp"
#include "tests/simulation/stay.hpp"
#include "tests/simulation/wire.hpp"

namespace crier::simulation {

// What a client needs of the world.
class Host {
 public:
  // A place on one of the loops.
  [[nodiscard]] virtual Connection& open(std::size_t client, const ClientPlan& plan) = 0;
  // A session that somebody has at the moment.
  [[nodiscard]] virtual std::optional<hub::SessionId> some_session() = 0;
  // How many connections have been ended for reading too slowly.
  [[nodiscard]] virtual std::uint64_t slow_consumers() const = 0;
  // Who is in a channel. True only at rest.
  [[nodiscard]] virtual std::set<std::string> members_of(const std::string& channel) = 0;

 protected:
  ~Host() = default;
};

class Client {
 public:
  Client(Host& host, Model& model, const Plan& plan, std::size_t number, testing::Chance& chance);

  // --- what it does
  void act();  // one thing at random
  void connect();
  void vanish();       // dies without a word
  void leave_all();    // ends every subscription
  void ask_at_rest();  // what is in a channel, and who: the answers are known exactly
  [[nodiscard]] bool connected() const { return connection_ != nullptr; }
  [[nodiscard]] bool can_read() const;
  void read(std::size_t bytes_max);
  // It reads again, and goes on doing so.
  void wake() { stalled_ = 0; }
  void tire() {
    if (stalled_ > 0) --stalled_;
  }
  // All loops are gone. `politely`: what is in the pipe may still be read.
  void lose_connection();

  [[nodiscard]] std::size_t number() const { return number_; }
  [[nodiscard]] const ClientPlan& plan() const { return plan_.clients[number_]; }
  [[nodiscard]] std::optional<hub::SessionId> session() const;
  [[nodiscard]] bool is_member_of(const std::string& channel) const;
  [[nodiscard]] std::size_t subscription_count() const { return stays_.size(); }
  // Promises that hold once nothing is on its way.
  void check_at_rest();

 private:
  enum class Kind : std::uint8_t { subscribe, unsubscribe, publish, broadcast, history, presence, ping };
  // A command that is to be answered, once.
  struct Awaited {
    Kind kind = Kind::ping;
    std::string channel;
    std::unique_ptr<Stay> stay;
    PublishId publish = 0;
    std::uint64_t serial = 0;  // of the subscribe; or the one that an unsubscribe ends
    std::optional<command::Position> since;
    std::optional<std::size_t> limit;
    bool reverse = false;
    bool at_rest = false;
    std::uint64_t slow_consumers = 0;  // by then
    std::size_t accepted = 0;          // in the channel, when it was asked
  };

  // --- client.cpp
  [[nodiscard]] std::string draw_id();
  void draw_command(std::vector<std::string>& commands);
  [[nodiscard]] std::string say_ping();
  void send(const std::string& json);
  [[nodiscard]] std::string say_subscribe(const std::string& name);
  [[nodiscard]] std::string say_unsubscribe(const std::string& name);
  [[nodiscard]] std::string say_publish();
  [[nodiscard]] std::string say_history(const std::string& channel, bool at_rest);
  [[nodiscard]] std::string say_presence(const std::string& channel, bool at_rest);
  [[nodiscard]] Publish draw_publish();
  void draw_data(Publish& publish, PublishId id);
  [[nodiscard]] std::string draw_channel();
  [[nodiscard]] std::string draw_name();
  [[nodiscard]] std::unique_ptr<Stay> make_stay(Stay::Asked asked);
  void connect_stream();
  void connect_websocket();
  void remember_positions();
  void end_connection();

  // --- client_hear.cpp
  void hear(const Heard& heard);
  void hear_subscribed(const nlohmann::json& reply);
  void hear_unsubscribed(const nlohmann::json& reply);
  void hear_error(const nlohmann::json& reply);
  void hear_error_without_id(const nlohmann::json& reply, ErrorCode code);
  void hear_published(const nlohmann::json& reply);
  void hear_history(const nlohmann::json& reply);
  void hear_presence(const nlohmann::json& reply);
  void hear_join_or_leave(const nlohmann::json& push, bool join);
  void check_event_id(const std::string& id);
  void check_published(const Awaited& awaited, const std::string& channel, const nlohmann::json& result);
  void check_refused(PublishId id, const std::string& channel, ErrorCode code);
  void check_run(const Awaited& awaited, const nlohmann::json& reply);
  [[nodiscard]] std::optional<Awaited> take(const nlohmann::json& reply);
  [[nodiscard]] Stay* stay_for(const nlohmann::json& push);
  void drop_hold(const std::string& name, std::uint64_t serial);
  void violate(std::string_view channel, const std::string& what);

  Host& host_;
  Model& model_;
  const Plan& plan_;
  std::size_t number_;
  testing::Chance& chance_;

  Connection* connection_ = nullptr;
  std::unique_ptr<WireReader> reader_;
  std::string session_text_;
  std::uint64_t sequence_ = 0;
  std::uint64_t next_id_ = 1;
  std::uint64_t next_serial_ = 1;
  std::size_t stalled_ = 0;
  bool told_to_go_ = false;  // by a close frame

  std::map<std::string, Awaited> awaited_;               // by the JSON of the id
  std::map<std::string, Awaited> awaited_by_name_;       // subscriptions of the URL
  std::map<std::string, std::unique_ptr<Stay>> stays_;   // those that are live, by name
  std::map<std::string, std::uint64_t> held_;            // names that are taken, by which subscribe
  std::map<std::string, command::Position> remembered_;  // the newest position that was seen
  std::vector<std::string> stream_channels_;
  std::string last_event_id_;
};

}  // namespace crier::simulation
