// Who a watcher believes to be in a channel, from the list it got and what it was told since.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>

#include <nlohmann/json.hpp>

namespace crier::simulation {

class PresenceView {
 public:
  // Each answers "" or what is wrong with what arrived.
  [[nodiscard]] std::string on_members(const nlohmann::json& reply) {
    members_.emplace();
    for (const auto& member : reply.at("members")) members_->insert(member.at("session").get<std::string>());
    count_.reset();
    if (reply.value("more", false)) members_.reset();  // cut at the limit of a reply
    return members_ && reply.contains("count") && reply.at("count").get<std::size_t>() != members_->size()
               ? "a list of members has another count"
               : "";
  }
  // The push: the members anew or, where there are many, their number alone.
  [[nodiscard]] std::string on_presence(const nlohmann::json& push) {
    if (push.contains("members")) return on_members(push);
    members_.reset();
    count_ = push.at("count").get<std::uint64_t>();
    return "";
  }
  [[nodiscard]] std::string on_join(const std::string& session, const std::string& self) {
    if (session == self) return "a session was told of its own join";
    if (!members_) return "a join came while there are counts";
    return members_->insert(session).second ? "" : "a member joined that was one already: " + session;
  }
  [[nodiscard]] std::string on_leave(const std::string& session) {
    if (!members_) return "a leave came while there are counts";
    return members_->erase(session) == 1 ? "" : "a member left that was none: " + session;
  }
  // At rest.
  [[nodiscard]] std::string compare(const std::set<std::string>& truth) const {
    if (count_ && *count_ != truth.size()) {
      return "there are " + std::to_string(truth.size()) + " members, a watcher counts " + std::to_string(*count_);
    }
    if (!members_ || *members_ == truth) return "";
    std::string what = "a watcher's members are not the channel's;";
    for (const std::string& one : truth) {
      if (!members_->contains(one)) what += " misses " + one;
    }
    for (const std::string& one : *members_) {
      if (!truth.contains(one)) what += " still has " + one;
    }
    return what;
  }

 private:
  std::optional<std::set<std::string>> members_;
  std::optional<std::uint64_t> count_;
};

}  // namespace crier::simulation
