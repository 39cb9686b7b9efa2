// From this process to the next, or from the last one to this: broker/hand_over/README.md.
#include <unistd.h>

#include <future>
#include <thread>
#include <utility>

#include "broker/runtime/log.hpp"
#include "broker/server.hpp"

namespace crier {

namespace {

using std::chrono::milliseconds;

// For what is on its way between the loops: longer, and somebody's loop hangs.
constexpr std::chrono::seconds standstill_time_max{5};
constexpr milliseconds standstill_poll{1};

}  // namespace

// --- the new one

Result<std::monostate, std::string> Server::inherit() {
  auto sockets = net::InheritedSockets::from_environment();
  if (!sockets) return sockets.error();
  inherited_ = std::move(*sockets);
  if (!take_over_) return std::monostate{};
  if (config_.server.state_dir.empty()) {
    return std::string("--take-over wants server.state_dir: there the running broker is found, and leaves its state");
  }
  auto found = hand_over::Predecessor::find(hand_over::door_path(config_.server.state_dir));
  if (!found) return found.error();
  if (!*found) {
    runtime::log(runtime::LogLevel::info, "nobody to take over from: starting as usual");
    return std::monostate{};
  }
  predecessor_ = std::move(*found);
  auto descriptors = predecessor_->ask();
  if (!descriptors) return "cannot take over: " + descriptors.error();
  auto directory = state::StateDir::adopt(config_.server.state_dir, std::move(descriptors->front()));
  if (!directory) return directory.error();
  state_dir_.emplace(std::move(*directory));
  for (auto at = descriptors->begin() + 1; at != descriptors->end(); ++at) {
    if (auto added = inherited_.add(at->release()); !added) return added.error();
  }
  return std::monostate{};
}

// Nothing was served before this, and no position given out: a start that comes to nothing leaves the state as it found
// it, to the next one or to the predecessor.
Result<std::monostate, std::string> Server::begin_life() {
  const std::string doubt = predecessor_ ? predecessor_->announce() : "";
  if (state_dir_) {
    if (const auto fault = state_dir_->commit()) {
      if (!predecessor_) return *fault;
      return "cannot take over: " + (doubt.empty() ? *fault : doubt + " (" + *fault + ")");
    }
  }
  if (predecessor_) predecessor_->tell_taken();
  predecessor_.reset();
  return std::monostate{};
}

void Server::tell_of_unused_sockets() {
  for (const std::string& address : inherited_.left()) {
    runtime::log(runtime::LogLevel::warn,
                 "a listening socket was passed on that neither server.listen nor "
                 "server.admin names: closed",
                 {{"address", address}});
  }
  inherited_ = {};
}

// --- the old one

void Server::open_door() {
  if (!state_dir_) return;
  hand_over::Door::Owner owner;
  owner.stop = [this] { return stand_still(); };
  owner.go_on = [this](const std::string& why) { return go_on(why); };
  owner.leave = [this](pid_t successor) { leave_to(successor); };
  auto door = hand_over::Door::open(context_, hand_over::door_path(config_.server.state_dir), std::move(owner));
  if (!door) {
    runtime::log(runtime::LogLevel::warn, "no other process will be able to take over", {{"fault", door.error()}});
    return;
  }
  door_ = std::move(*door);
}

Result<std::vector<int>, std::string> Server::stand_still() {
  if (draining_) return std::string("the broker stops already");
  runtime::log(runtime::LogLevel::info, "another process wants to take over: standing still");
  manager_.suspend_watchdog();
  for (const auto& listener : listeners_) listener->pause();
  admin_->pause();
  for (const auto& worker : workers_) worker->freeze();
  std::optional<std::string> fault;
  if (!await_silence()) fault = "the broker did not come to a stop within 5 s: one of its threads is too busy";
  if (!fault) {
    if (const auto written = write_state(); !written) fault = written.error();
  }
  if (fault) {
    runtime::log(runtime::LogLevel::error, "hand-over failed: going on as before", {{"fault", *fault}});
    static_cast<void>(state_dir_->take_back());  // nothing is there, or half of something that no start looks at
    serve_again();
    return std::move(*fault);
  }
  std::vector<int> descriptors{state_dir_->lock_descriptor()};
  for (const auto& listener : listeners_) descriptors.push_back(listener->descriptor());
  descriptors.push_back(admin_->descriptor());
  return descriptors;
}

// A loop that is quiet has taken all that was sent to it until then, and does nothing until something comes. One that
// another loop sends to it after its answer, and before the other's own, is in the second look's sum of what was sent.
bool Server::await_silence() {
  const auto deadline = std::chrono::steady_clock::now() + standstill_time_max;
  std::optional<std::uint64_t> seen;
  while (std::chrono::steady_clock::now() < deadline) {
    bool quiet = true;
    std::uint64_t sent = 0;
    for (const auto& worker : workers_) {
      std::future<net::Worker::Traffic> answer = worker->ask_traffic();
      if (answer.wait_until(deadline) != std::future_status::ready) return false;
      const net::Worker::Traffic traffic = answer.get();
      quiet = quiet && traffic.quiet;
      sent += traffic.batches_sent;
    }
    if (quiet && seen == sent) return true;
    seen = quiet ? std::optional(sent) : std::nullopt;
    std::this_thread::sleep_for(standstill_poll);
  }
  return false;
}

// False: the other one has committed, whatever became of it since.
bool Server::go_on(const std::string& why) {
  const auto taken_back = state_dir_->take_back();
  if (taken_back && !*taken_back) return false;
  runtime::log(runtime::LogLevel::error, "hand-over failed: going on as before", {{"fault", why}});
  if (!taken_back) {
    runtime::log(runtime::LogLevel::error, "the state that was written for the other process cannot be removed",
                 {{"fault", taken_back.error()}});
  }
  serve_again();
  return true;
}

void Server::serve_again() {
  manager_.resume_watchdog();
  for (const auto& listener : listeners_) listener->resume();
  admin_->resume();
  for (const auto& worker : workers_) worker->unfreeze();
}

void Server::leave_to(pid_t successor) {
  handed_over_ = true;
  const milliseconds window = drain_window();
  runtime::log(runtime::LogLevel::info, "handed over: connections are sent to the other process over a while",
               {{"process", std::to_string(successor)},
                {"connections", std::to_string(connection_count())},
                {"over_ms", std::to_string(window.count())}});
  // The directory is the other one's, and so is its lock, for whoever comes after it.
  state_dir_.reset();
  watchdog_timer_.cancel();
  manager_.handed_over(successor);
  for (const auto& listener : listeners_) listener->share();
  admin_->stop();
  stop_serving(window);
  for (const auto& worker : workers_) {
    worker->hand_over(window);
    worker->unfreeze();
  }
}

}  // namespace crier
