// What a service manager is told about this process, by sd_notify(3)'s protocol: a datagram to the socket that
// NOTIFY_SOCKET names. Without one nothing is told. Thread: the main one.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace crier {

class ServiceManager {
 public:
  // Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID of the environment.
  ServiceManager();

  void ready(std::string_view status) const;
  void reloading() const;
  // The end may take so long.
  void stopping(std::chrono::milliseconds time_max) const;
  // Another process is the service from now on.
  void handed_over(pid_t successor) const;
  void alive() const;
  // For a while in which nobody can say `alive`, and after it.
  void suspend_watchdog() const;
  void resume_watchdog() const;

  // How often `alive` is wanted at least; nothing: never.
  [[nodiscard]] std::optional<std::chrono::microseconds> watchdog_interval() const noexcept { return watchdog_; }

 private:
  void tell(const std::string& state) const;

  std::string socket_;  // a path, or "@" and an abstract name; "": there is nobody to tell
  std::optional<std::chrono::microseconds> watchdog_;
};

}  // namespace crier
