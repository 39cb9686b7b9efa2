#include "broker/auth/permissions.hpp"

#include <array>
#include <string>

#include "protocol/command/channel_name.hpp"

namespace crier::auth {

namespace {

bool granted(Right right, std::string_view channel, const Principal* who) {
  return who != nullptr && who->granted(right).cover(channel);
}

bool admits(config::Who rule, Right right, std::string_view channel, const Principal* who) {
  switch (rule) {
    case config::Who::anyone: return true;
    case config::Who::authenticated: return who != nullptr;
    case config::Who::granted: return granted(right, channel, who);
    case config::Who::nobody: return false;
  }
  __builtin_unreachable();
}

std::string_view word_of(config::Who rule) {
  constexpr std::array<std::string_view, 4> words{"anyone", "authenticated", "granted", "nobody"};
  return words[static_cast<std::size_t>(rule)];
}

std::string_view word_of(config::Access rule) {
  constexpr std::array<std::string_view, 3> words{"subscribers", "granted", "nobody"};
  return words[static_cast<std::size_t>(rule)];
}

std::string_view word_of(Right right) {
  constexpr std::array<std::string_view, right_count> words{"subscribe", "publish", "history", "presence"};
  return words[static_cast<std::size_t>(right)];
}

// What whoever was refused could do about it.
std::string mend(std::string_view word, Right right, const Principal* who) {
  if (word == "nobody") return "";
  if (who == nullptr) return word == "granted" ? "; a token or key that grants it is needed" : "; a token is needed";
  const bool service = who->kind == Principal::Kind::service;
  return std::string(service ? "; this service key's `" : "; this token's can.") + std::string(word_of(right)) +
         (service ? "` does" : " does") + " not cover it";
}

Error refusal(std::string_view key, std::string_view word, Right right, const Principal* who) {
  const bool credential_could_help = who == nullptr && word != "nobody";
  return Error{credential_could_help ? ErrorCode::unauthorized : ErrorCode::forbidden, "channel",
               std::string(key) + " = \"" + std::string(word) + "\" in the settings of this channel's namespace" +
                   mend(word, right, who)};
}

std::optional<Error> refuse_rule(std::string_view key, config::Who rule, Right right, std::string_view channel,
                                 const Principal* who) {
  if (admits(rule, right, channel, who)) return std::nullopt;
  return refusal(key, word_of(rule), right, who);
}

// An explicit grant is enough where subscribers may: a service may read the history of what it never subscribes to.
std::optional<Error> refuse_access(std::string_view key, config::Access rule, Right right, std::string_view channel,
                                   const config::Namespace& settings, const Principal* who) {
  const bool has_grant = granted(right, channel, who);
  switch (rule) {
    case config::Access::subscribers:
      if (has_grant) return std::nullopt;
      return refuse_rule("subscribe", settings.subscribe, Right::subscribe, channel, who);
    case config::Access::granted:
      if (has_grant) return std::nullopt;
      break;
    case config::Access::nobody: break;
  }
  return refusal(key, word_of(rule), right, who);
}

std::optional<Error> refuse_pattern(std::string_view pattern, const config::Namespace& settings, const Principal* who) {
  const config::Access rule = settings.pattern_access;
  if (rule == config::Access::subscribers) return std::nullopt;
  if (rule == config::Access::granted && granted(Right::subscribe, pattern, who)) return std::nullopt;
  return refusal("pattern_access", word_of(rule), Right::subscribe, who);
}

}  // namespace

std::optional<Error> refuse(Action action, std::string_view channel, const config::Namespace& settings,
                            const Principal* who) {
  switch (action) {
    case Action::subscribe: {
      auto why = refuse_rule("subscribe", settings.subscribe, Right::subscribe, channel, who);
      if (!why && command::looks_like_pattern(channel)) why = refuse_pattern(channel, settings, who);
      return why;
    }
    case Action::publish: return refuse_rule("publish", settings.publish, Right::publish, channel, who);
    case Action::history:
      return refuse_access("history_access", settings.history_access, Right::history, channel, settings, who);
    case Action::presence:
      return refuse_access("presence_access", settings.presence_access, Right::presence, channel, settings, who);
  }
  __builtin_unreachable();
}

}  // namespace crier::auth
