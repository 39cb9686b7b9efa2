#include "tests/integration/cpp_client/player.hpp"

#include <chrono>
#include <iostream>
#include <utility>

namespace crier::testing {

namespace {

using client::Result;
using std::chrono::milliseconds;

Json data_of(std::string_view data) {
  return Json::parse(data, nullptr, false);
}

Json member_json(const client::Member& member) {
  Json json{{"session", member.session}};
  if (!member.user.empty()) json["user"] = member.user;
  if (!member.info.empty()) json["info"] = data_of(member.info);
  return json;
}

Json members_json(const std::vector<client::Member>& members) {
  Json list = Json::array();
  for (const auto& member : members) list.push_back(member_json(member));
  return list;
}

Json published_json(const client::Published& published) {
  return {{"channel", published.channel}, {"position", published.position}};
}

Json results_json(const std::vector<Result<client::Published>>& results) {
  Json list = Json::array();
  for (const auto& one : results) list.push_back(one ? published_json(*one) : to_json(one.error()));
  return list;
}

client::Publication publication_of(const Json& line) {
  client::Publication publication;
  publication.channel = line.value("channel", "");
  publication.data = line.contains("raw") ? line["raw"].get<std::string>() : line.value("data", Json()).dump();
  publication.binary = line.value("binary", false);
  publication.key = line.value("key", "");
  publication.retry = line.value("retry", false);
  publication.echo = line.value("echo", true);
  publication.exclude = line.value("exclude", "");
  publication.conflate = line.value("conflate", "");
  if (line.contains("ttl")) publication.ttl = std::chrono::seconds(line["ttl"].get<int>());
  return publication;
}

void read_milliseconds(const Json& json, const char* name, milliseconds& into) {
  if (json.contains(name)) into = milliseconds(json[name].get<int>());
}

}  // namespace

void say(const Json& line) {
  std::cout << line.dump(-1, ' ', false, Json::error_handler_t::replace) << '\n' << std::flush;
}

Json to_json(const client::Error& error) {
  Json json{{"code", to_string(error.code)}, {"message", error.message}};
  if (error.retry_after) json["retry_after"] = error.retry_after->count();
  if (error.http_status != 0) json["http_status"] = error.http_status;
  if (error.close_code != 0) json["close_code"] = error.close_code;
  return json;
}

client::Options options_of(const Json& json) {
  client::Options options;
  options.url = json.value("url", "");
  options.token = json.value("token", "");
  options.tls.ca_file = json.value("ca_file", "");
  options.tls.server_name = json.value("server_name", "");
  options.tls.verify = json.value("verify", true);
  options.tls.certificate_file = json.value("certificate_file", "");
  options.tls.private_key_file = json.value("private_key_file", "");
  options.reconnect = json.value("reconnect", true);
  options.compression = json.value("compression", false);
  options.offline = json.value("offline", "queue") == "refuse" ? client::Offline::refuse : client::Offline::queue;
  options.outbox_bytes_max = json.value("outbox_bytes_max", options.outbox_bytes_max);
  options.incoming_bytes_max = json.value("incoming_bytes_max", options.incoming_bytes_max);
  read_milliseconds(json, "backoff_initial_ms", options.backoff.initial);
  read_milliseconds(json, "backoff_max_ms", options.backoff.max);
  read_milliseconds(json, "connect_timeout_ms", options.connect_timeout);
  read_milliseconds(json, "command_timeout_ms", options.command_timeout);
  read_milliseconds(json, "heartbeat_timeout_ms", options.heartbeat_timeout);
  read_milliseconds(json, "close_timeout_ms", options.close_timeout);
  return options;
}

Player::Player(asio::io_context& io, const Json& json) {
  client::Options options = options_of(json);
  if (json.value("token_source", false)) {
    options.token_source = [this, throws = json.value("throws", 0)](client::TokenReason reason,
                                                                    client::TokenReply reply) mutable {
      token_reply_ = std::move(reply);
      say({{"event", "token_wanted"}, {"reason", static_cast<int>(reason)}});
      if (throws > 0 && throws-- > 0) throw std::runtime_error("no key in the safe");
    };
  }
  client::ClientHandlers all;
  all.on_state = [](const client::StateChange& change) {
    Json line{{"event", to_string(change.state)}};
    if (change.error) line["error"] = to_json(*change.error);
    if (change.state == client::State::waiting) line["retry_in"] = change.retry_in.count();
    if (change.state == client::State::connected) line["session"] = change.session;
    if (!change.user.empty()) line["user"] = change.user;
    say(line);
  };
  all.on_error = [](const client::Error& error) { say({{"event", "error"}, {"error", to_json(error)}}); };
  all.token_channels = handlers();
  client_.emplace(io.get_executor(), std::move(options), std::move(all));
  client_->start();
}

client::SubscriptionHandlers Player::handlers() {
  client::SubscriptionHandlers all;
  all.on_message = [](const client::Message& message) {
    Json line{{"event", "message"}, {"channel", message.channel}};
    if (!message.pattern.empty()) line["pattern"] = message.pattern;
    if (message.binary) {
      line["bytes"] = message.bytes().size();
    } else {
      line["data"] = data_of(message.data);
    }
    line["position"] = message.position;
    say(line);
  };
  all.on_subscribed = [](const client::Subscribed& one) {
    Json line{{"event", "subscribed"}, {"channel", one.channel}, {"position", one.position}, {"again", one.again}};
    if (one.recovered) line["recovered"] = *one.recovered;
    line["replayed"] = one.replayed;
    line["members"] = members_json(one.members);
    say(line);
  };
  all.on_gap = [](const client::Gap& gap) {
    say({{"event", "gap"}, {"channel", gap.channel}, {"lost", gap.lost ? Json(*gap.lost) : Json()}});
  };
  all.on_presence = [](const client::PresenceChange& change) {
    say({{"event", "presence"},
         {"kind", static_cast<int>(change.kind)},
         {"channel", change.channel},
         {"member", member_json(change.member)},
         {"members", members_json(change.members)},
         {"count", change.count}});
  };
  all.on_ended = [](const client::Error& error) { say({{"event", "ended"}, {"error", to_json(error)}}); };
  return all;
}

void Player::taken(const Json& line, const Result<void>& result) {
  if (!result) say({{"event", "refused"}, {"tag", line.value("tag", Json())}, {"error", to_json(result.error())}});
}

void Player::publish(const Json& line) {
  if (line.value("silent", false)) return taken(line, client_->publish(publication_of(line)));
  taken(line, client_->publish(publication_of(line), told<client::Published>(line, published_json)));
}

// With back-pressure: goes on when there is room.
void Player::many(const std::string& channel, int next, int last, bool retry) {
  for (; next <= last; ++next) {
    const auto result = client_->publish({.channel = channel, .data = std::to_string(next), .retry = retry},
                                         [this, last](const Result<client::Published>& one) {
                                           if (!one) ++many_failed_;
                                           if (++many_answered_ < last) return;
                                           say({{"event", "many"}, {"failed", many_failed_}});
                                         });
    if (!result) return client_->on_room([this, channel, next, last, retry] { many(channel, next, last, retry); });
  }
}

void Player::ask(const Json& line) {
  const std::string what = line["do"];
  const std::string channel = line.value("channel", "");
  const client::Target target{line.value("user", ""), line.value("session", "")};
  if (what == "history") {
    client::HistoryQuery query{.channel = channel, .since = line.value("since", "")};
    if (line.contains("limit")) query.limit = line["limit"].get<std::uint64_t>();
    query.reverse = line.value("reverse", false);
    query.cursor = line.value("cursor", "");
    taken(line, client_->history(
                    query, told<client::HistoryPage>(line, [](const client::HistoryPage& page) {
                      Json data = Json::array();
                      for (const auto& message : page.messages) data.push_back(data_of(message.data));
                      return Json{
                          {"data", data}, {"position", page.position}, {"more", page.more}, {"cursor", page.cursor}};
                    })));
  } else if (what == "presence") {
    taken(line, client_->presence(channel, "", told<client::MembersPage>(line, [](const client::MembersPage& page) {
                                    return Json{{"members", members_json(page.members)}, {"count", page.count}};
                                  })));
  } else if (what == "channels") {
    taken(line, client_->channels({.pattern = line.value("pattern", "")},
                                  told<client::ChannelsPage>(line, [](const client::ChannelsPage& page) {
                                    Json names = Json::array();
                                    for (const auto& entry : page.channels) names.push_back(entry.channel);
                                    return names;
                                  })));
  } else if (what == "disconnect") {
    taken(line, client_->disconnect(target, told<std::uint64_t>(line, [](std::uint64_t count) { return count; })));
  } else if (what == "kick") {
    taken(line, client_->kick(channel, target, told<std::uint64_t>(line, [](std::uint64_t count) { return count; })));
  } else if (what == "ping") {
    taken(line, client_->ping(told<std::chrono::microseconds>(line, [](auto took) { return took.count(); })));
  } else {
    say({{"event", "unknown"}, {"do", what}});
  }
}

void Player::play(const Json& line) {
  const std::string what = line["do"];
  if (what == "subscribe") {
    client::SubscribeOptions options{.since = line.value("since", "")};
    if (line.contains("last")) options.last = line["last"].get<std::uint64_t>();
    options.presence = line.value("presence", false);
    taken(line, client_->subscribe(line["channel"], options, handlers()));
  } else if (what == "unsubscribe") {
    taken(line, client_->unsubscribe(line["channel"].get<std::string>()));
  } else if (what == "publish") {
    publish(line);
  } else if (what == "many") {
    many(line["channel"], line.value("from", 1), line["to"], line.value("retry", false));
  } else if (what == "batch") {
    std::vector<client::Publication> publications;
    for (const auto& one : line["publications"]) publications.push_back(publication_of(one));
    taken(line, client_->publish_batch(std::move(publications), [tag = line.value("tag", Json())](const auto& results) {
      say({{"event", "done"}, {"tag", tag}, {"value", results_json(results)}});
    }));
  } else if (what == "broadcast") {
    taken(line, client_->broadcast(line["channels"], publication_of(line),
                                   told<std::vector<Result<client::Published>>>(line, results_json)));
  } else if (what == "token") {
    if (line.contains("token")) return token_reply_(line["token"].get<std::string>());
    token_reply_(client::Error{.message = "the test gives none"});
  } else if (what == "pause") {
    client_->pause();
  } else if (what == "resume") {
    client_->resume();
  } else if (what == "close") {
    client_->close([] { say({{"event", "bye"}}); });
  } else if (what == "vanish") {
    client_.reset();
    say({{"event", "vanished"}});
  } else {
    ask(line);
  }
}

}  // namespace crier::testing
