#include "broker/hand_over/predecessor.hpp"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "broker/net/unix_address.hpp"

namespace crier::hand_over {

namespace {

// It finishes what is on its way and writes its state meanwhile.
constexpr std::chrono::seconds state_time_max{60};
constexpr std::chrono::seconds go_time_max{10};

std::string unexpected(const Line& line) {
  if (line.text.empty()) return "the running broker has gone in the middle of the hand-over";
  if (line.text.starts_with(stay_line)) {
    return "the running broker goes on itself: " + line.text.substr(stay_line.size());
  }
  return "the running broker says what does not belong here: " + line.text;
}

}  // namespace

Result<std::optional<Predecessor>, std::string> Predecessor::find(const std::string& door) {
  const auto address = net::unix_address(door);
  if (!address) return "the path of the socket is too long: " + door;
  // Without waiting: a door with a queue before it is no door that opens.
  FileDescriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (::connect(socket.get(), net::plain(*address), sizeof(*address)) == 0) {
    return std::optional(Predecessor(std::move(socket)));
  }
  if (errno == ENOENT || errno == ECONNREFUSED) return std::optional<Predecessor>{};
  // NOLINTNEXTLINE(concurrency-mt-unsafe): at the start, before any other thread
  return "cannot ask the running broker at " + door + ": " + std::strerror(errno);
}

Result<std::vector<FileDescriptor>, std::string> Predecessor::ask() {
  if (auto sent = send_line(socket_.get(), ask_line); !sent) return sent.error();
  auto line = receive_line(socket_.get(), state_time_max);
  if (!line) return line.error();
  if (line->text != state_line || line->descriptors.empty()) return unexpected(*line);
  return std::move(line->descriptors);
}

std::string Predecessor::announce() {
  if (auto sent = send_line(socket_.get(), ready_line); !sent) return sent.error();
  const auto line = receive_line(socket_.get(), go_time_max);
  if (!line) return line.error();
  return line->text == go_line ? "" : unexpected(*line);
}

void Predecessor::tell_taken() {
  static_cast<void>(send_line(socket_.get(), taken_line));  // else it finds out by itself, or is dead
}

}  // namespace crier::hand_over
