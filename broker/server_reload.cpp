// Reloads: what has changed in the configuration, in keys and in certificates takes effect without dropping anyone. A
// reload happens as a whole or not at all.
#include <chrono>
#include <utility>

#include "broker/config/reload.hpp"
#include "broker/log_level.hpp"
#include "broker/runtime/log.hpp"
#include "broker/server.hpp"

namespace crier {

namespace {

constexpr std::chrono::seconds look_every{1};

std::string joined(const std::vector<std::string>& items) {
  std::string text;
  for (const std::string& item : items) text += (text.empty() ? "" : ", ") + item;
  return text;
}

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    if (end > 0) lines.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

}  // namespace

void Server::watch_files(std::vector<std::string> paths) {
  if (!file_.empty()) paths.push_back(file_);
  files_.watch(paths);
}

void Server::look_at_files() {
  if (files_.empty()) return;
  files_timer_.expires_after(look_every);
  files_timer_.async_wait([this](const asio::error_code& error) {
    if (error || draining_) return;
    if (files_.changed()) return reload("a file has changed");
    look_at_files();
  });
}

void Server::reload(std::string_view cause) {
  manager_.reloading();
  const std::vector<std::string> faults = take_up();
  manager_.ready(faults.empty() ? "serving" : "serving; the last reload was refused");
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  reloads_.last_failed = !faults.empty();
  if (faults.empty()) {
    ++reloads_.succeeded;
    reloads_.last_success_s = std::chrono::duration_cast<std::chrono::seconds>(now).count();
  } else {
    ++reloads_.failed;
    for (const std::string& fault : faults) runtime::log(runtime::LogLevel::error, "cannot reload", {{"fault", fault}});
    runtime::log(runtime::LogLevel::error, "reload refused: everything stays as it was",
                 {{"cause", std::string(cause)}, {"faults", std::to_string(faults.size())}});
  }
  admin_->set_reloads(reloads_);
  look_at_files();
}

std::vector<std::string> Server::take_up() {
  files_.look();
  const config::CommandLine loaded = load_();
  if (loaded.action != config::CommandLine::Action::serve) return lines_of(loaded.output);
  auto plan = config::plan_reload(config_, loaded.config);
  if (!plan) {
    std::vector<std::string> faults;
    for (const config::Problem& problem : plan.error()) faults.push_back(problem.text());
    return faults;
  }
  // While a new file is faulty or missing the old ones stay in use: a change of either is worth another try.
  const std::vector<std::string> wanted = config::files_of(plan->config);
  std::vector<std::string> watched = config::files_of(config_);
  watched.insert(watched.end(), wanted.begin(), wanted.end());
  watch_files(std::move(watched));
  auto trust = Trust::read(plan->config);
  if (!trust) return std::move(trust.error());

  config_ = std::move(plan->config);
  watch_files(wanted);
  trust_ = std::move(*trust);
  trust_.tell_remarks(config_, file_);
  runtime::set_log_level(log_level(config_.log.level));
  gate_.configure(config_.limits);
  for (const auto& listener : listeners_) {
    listener->set_tls(trust_.tls);
    listener->set_trusted_proxies(config_.server.trusted_proxies);
  }
  for (const auto& worker : workers_) worker->apply(config_, trust_.authenticator);
  admin_->set_access(trust_.authenticator, config_.server.admin_hosts, config_.protects());
  runtime::log(runtime::LogLevel::info, "reloaded: keys and certificates were read anew",
               {{"changed", plan->changed.empty() ? "no setting" : joined(plan->changed)}});
  if (!plan->fixed.empty()) {
    runtime::log(runtime::LogLevel::warn, "settings that need a restart stay as they were",
                 {{"settings", joined(plan->fixed)}});
  }
  return {};
}

}  // namespace crier
