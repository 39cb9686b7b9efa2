#include "broker/service_manager.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>

#include "broker/net/unix_address.hpp"
#include "broker/runtime/environment_variable.hpp"
#include "broker/state/directory.hpp"

namespace crier {

namespace {

// To write a big state to a slow disk, and for another process to read it.
constexpr std::chrono::microseconds standstill_time_max = std::chrono::minutes{5};

// CLOCK_MONOTONIC, as systemd wants it beside RELOADING=1.
std::string monotonic_us() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return std::to_string(static_cast<std::int64_t>(now.tv_sec) * 1'000'000 + now.tv_nsec / 1000);
}

}  // namespace

ServiceManager::ServiceManager() : socket_(runtime::variable("NOTIFY_SOCKET")) {
  const auto interval = runtime::number_variable<std::int64_t>("WATCHDOG_USEC");
  const bool ours = runtime::number_variable<pid_t>("WATCHDOG_PID").value_or(::getpid()) == ::getpid();
  if (!socket_.empty() && ours && interval && *interval > 0) watchdog_ = std::chrono::microseconds(*interval);
}

void ServiceManager::ready(std::string_view status) const {
  tell("READY=1\nSTATUS=" + std::string(status));
  resume_watchdog();  // the process before this one may have suspended it
}

void ServiceManager::reloading() const {
  tell("RELOADING=1\nMONOTONIC_USEC=" + monotonic_us());
}

void ServiceManager::stopping(std::chrono::milliseconds time_max) const {
  const auto us = std::chrono::microseconds(time_max).count();
  tell("STOPPING=1\nSTATUS=draining\nEXTEND_TIMEOUT_USEC=" + std::to_string(us));
}

void ServiceManager::handed_over(pid_t successor) const {
  tell("MAINPID=" + std::to_string(successor));
}

void ServiceManager::alive() const {
  tell("WATCHDOG=1");
}

void ServiceManager::suspend_watchdog() const {
  if (watchdog_) tell("WATCHDOG=1\nWATCHDOG_USEC=" + std::to_string(standstill_time_max.count()));
}

void ServiceManager::resume_watchdog() const {
  if (watchdog_) tell("WATCHDOG=1\nWATCHDOG_USEC=" + std::to_string(watchdog_->count()));
}

// Best effort: a manager that does not hear draws its own conclusions.
void ServiceManager::tell(const std::string& state) const {
  auto address = net::unix_address(socket_);
  if (!address) return;
  if (socket_.front() == '@') address->sun_path[0] = '\0';  // an abstract one: its name ends with its last byte
  const state::FileDescriptor sender(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + socket_.size());
  static_cast<void>(
      ::sendto(sender.get(), state.data(), state.size(), MSG_NOSIGNAL | MSG_DONTWAIT, net::plain(*address), size));
}

}  // namespace crier
