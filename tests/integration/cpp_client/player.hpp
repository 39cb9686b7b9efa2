// Does what JSON lines say with a Client, and says as JSON lines what happens.
#pragma once

#include <asio/io_context.hpp>
#include <crier/client.hpp>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

namespace crier::testing {

using Json = nlohmann::ordered_json;

[[nodiscard]] client::Options options_of(const Json& json);
[[nodiscard]] Json to_json(const client::Error& error);
void say(const Json& line);

// One thread. Lines:
//   {"do":"subscribe","channel":…,"since":…,"last":n,"presence":true}   {"do":"unsubscribe","channel":…}
//   {"do":"publish","tag":…,"channel":…,"data":…,"key":…,"retry":true,"silent":true,…}
//   {"do":"many","channel":…,"from":n,"to":n,"retry":true}: as fast as the outbox takes them; says `many` at the end
//   {"do":"broadcast"|"batch"|"history"|"presence"|"channels"|"disconnect"|"kick"|"ping",…}
//   {"do":"token","token":…}: answers a `token_wanted`; without `token` there is none
//   {"do":"pause"}  {"do":"resume"}  {"do":"close"}  {"do":"vanish"}: the client is destroyed
class Player {
 public:
  Player(asio::io_context& io, const Json& options);
  void play(const Json& line);
  [[nodiscard]] bool over() const { return !client_; }

 private:
  [[nodiscard]] client::SubscriptionHandlers handlers();
  void publish(const Json& line);
  void many(const std::string& channel, int next, int last, bool retry);
  void ask(const Json& line);

  // Says what the call answered, and later what the handler was given, under the line's tag.
  void taken(const Json& line, const client::Result<void>& result);
  template <class T, class Describe>
  auto told(const Json& line, Describe describe) {
    return [tag = line.value("tag", Json()), describe](const client::Result<T>& result) {
      say(result ? Json{{"event", "done"}, {"tag", tag}, {"value", describe(*result)}}
                 : Json{{"event", "failed"}, {"tag", tag}, {"error", to_json(result.error())}});
    };
  }

  client::TokenReply token_reply_;
  int many_failed_ = 0;
  int many_answered_ = 0;
  std::optional<client::Client> client_;
};

// Many threads on one BlockingClient; 0 when everything came as it must.
int play_blocking(const Json& options);

}  // namespace crier::testing
