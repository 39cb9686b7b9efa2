#include "broker/service_manager.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "broker/state/directory.hpp"

namespace crier {

namespace {

// To write a big state to a slow disk, and for another process to read it.
constexpr std::chrono::microseconds standstill_time_max = std::chrono::minutes{5};

std::string_view variable(const char* name) {
  const char* const value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): before there are threads
  return value == nullptr ? std::string_view{} : std::string_view(value);
}

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  return !text.empty() && parsed.ptr == text.data() + text.size() ? std::optional(value) : std::nullopt;
}

// CLOCK_MONOTONIC, as systemd wants it beside RELOADING=1.
std::string monotonic_us() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return std::to_string(static_cast<std::int64_t>(now.tv_sec) * 1'000'000 + now.tv_nsec / 1000);
}

}  // namespace

ServiceManager::ServiceManager() : socket_(variable("NOTIFY_SOCKET")) {
  const auto interval = number(variable("WATCHDOG_USEC"));
  const auto whose = number(variable("WATCHDOG_PID"));
  const bool ours = !whose || *whose == static_cast<std::uint64_t>(::getpid());
  if (!socket_.empty() && ours && interval && *interval > 0) {
    watchdog_ = std::chrono::microseconds(static_cast<std::int64_t>(*interval));
  }
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
  sockaddr_un address{};
  if (socket_.empty() || socket_.size() >= sizeof(address.sun_path)) return;
  address.sun_family = AF_UNIX;
  socket_.copy(address.sun_path, socket_.size());
  if (socket_.front() == '@') address.sun_path[0] = '\0';
  const state::FileDescriptor sender(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + socket_.size());
  static_cast<void>(::sendto(sender.get(), state.data(), state.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
                             reinterpret_cast<const sockaddr*>(&address), size));
}

}  // namespace crier
