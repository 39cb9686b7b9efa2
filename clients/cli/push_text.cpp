#include "clients/cli/push_text.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace crier::cli {

namespace {

std::string pair(std::string_view name, const std::string& value) {
  std::string text = ",\"";
  return text.append(name).append("\":").append(value);
}

std::string member_json(const client::Member& member) {
  std::string out = "{\"session\":" + client::json_string(member.session);
  if (!member.user.empty()) out += pair("user", client::json_string(member.user));
  if (!member.info.empty()) out += pair("info", data_line(member.info));
  return out + "}";
}

std::string head(std::string_view op, std::string_view channel) {
  std::string text = "{\"op\":\"";
  return text.append(op).append("\"") + pair("channel", client::json_string(channel));
}

}  // namespace

std::string push_json(const client::Message& message) {
  std::string out = head("message", message.channel);
  if (!message.pattern.empty()) out += pair("pattern", client::json_string(message.pattern));
  out += pair("data", data_line(message.data));
  if (message.binary) out += pair("encoding", "\"base64\"");
  if (!message.position.empty()) out += pair("position", client::json_string(message.position));
  return out + pair("time", std::to_string(message.time_ms)) + "}";
}

std::string push_json(const client::Gap& gap) {
  std::string out = head("gap", gap.channel);
  if (gap.lost) out += pair("lost", std::to_string(*gap.lost));
  return out + pair("conflated", gap.conflated ? "true" : "false") + "}";
}

std::string push_json(const client::PresenceChange& change) {
  using Kind = client::PresenceChange::Kind;
  if (change.kind == Kind::joined || change.kind == Kind::left) {
    return head(change.kind == Kind::joined ? "join" : "leave", change.channel) +
           pair("member", member_json(change.member)) + "}";
  }
  std::string out = head("presence", change.channel);
  if (change.kind == Kind::members) {
    std::string members;
    for (const client::Member& member : change.members) members += (members.empty() ? "" : ",") + member_json(member);
    out += pair("members", "[" + members + "]");
  }
  return out + pair("count", std::to_string(change.count)) + "}";
}

std::string ended_json(std::string_view channel, const client::Error& error) {
  return head("unsubscribed", channel) + pair("code", client::json_string(client::to_string(error.code))) +
         pair("reason", client::json_string(error.message)) + "}";
}

std::string data_line(std::string_view data) {
  std::string line(data);
  std::ranges::replace_if(line, [](char c) { return c == '\n' || c == '\r'; }, ' ');
  return line;
}

std::string raw_text(std::string_view data) {
  if (!data.starts_with('"')) return data_line(data);
  const auto text = nlohmann::json::parse(data, nullptr, /*allow_exceptions=*/false);
  return text.is_string() ? text.get<std::string>() : data_line(data);
}

}  // namespace crier::cli
