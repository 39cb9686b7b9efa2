#include "broker/hand_over/door.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <utility>

namespace crier::hand_over {

namespace {

constexpr const char* door_file = "crier.hand-over";
constexpr int backlog = 4;
// For a word that has begun to come.
constexpr std::chrono::seconds word_time_max{1};
// For a successor to read the state: until then nothing is served.
constexpr std::chrono::seconds take_up_time_max{30};
// From `go` to `taken`.
constexpr std::chrono::seconds take_time_max{10};

}  // namespace

std::string door_path(const std::string& state_dir) {
  return state_dir + "/" + door_file;
}

Result<std::unique_ptr<Door>, std::string> Door::open(asio::io_context& context, const std::string& path, Owner owner) {
  // Who holds the state directory's lock is the only one to have a door here: what is left is a dead broker's, or our
  // predecessor's.
  ::unlink(path.c_str());
  auto file = net::UnixSocket::listen(path, backlog);
  if (!file) return file.error();
  return std::unique_ptr<Door>(new Door(context, std::move(*file), std::move(owner)));
}

Door::Door(asio::io_context& context, net::UnixSocket file, Owner owner)
    : file_(std::move(file)),
      listener_(context, file_.release()),
      visitor_(context),
      patience_(context),
      owner_(std::move(owner)) {
  wait_for_knock();
}

void Door::close() {
  if (stage_ != Stage::waiting) end("the broker stops");
  asio::error_code ignored;  // closing is all that is left to do
  listener_.close(ignored);
  const net::UnixSocket gone = std::move(file_);
}

void Door::wait_for_knock() {
  listener_.async_wait(asio::posix::stream_descriptor::wait_read, [this](const asio::error_code& error) {
    if (!error) let_in();
  });
}

void Door::let_in() {
  const int descriptor = ::accept4(listener_.native_handle(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (descriptor < 0) return wait_for_knock();
  const uid_t user = peer_of(descriptor).user;
  if (user != ::geteuid() && user != 0) {
    ::close(descriptor);
    return wait_for_knock();
  }
  visitor_.assign(descriptor);
  stage_ = Stage::asked;
  patience_.expires_after(word_time_max);
  wait_for_word();
}

void Door::wait_for_word() {
  patience_.async_wait([this, awaited = awaited_](const asio::error_code& error) {
    if (!error && awaited == awaited_) end("the process that wanted to take over says nothing");
  });
  listen_for_word();
}

void Door::listen_for_word() {
  visitor_.async_wait(asio::posix::stream_descriptor::wait_read,
                      [this, awaited = awaited_](const asio::error_code& error) {
                        if (!error && awaited == awaited_) on_word();
                      });
}

void Door::on_word() {
  ++awaited_;
  patience_.cancel();
  const auto line = receive_line(visitor_.native_handle(), word_time_max);
  if (!line) return end(line.error());
  if (line->text.empty()) return end("the process that wanted to take over has gone");
  if (stage_ == Stage::asked) return on_ask(line->text);
  if (stage_ == Stage::stopped && line->text == ready_line) return on_ready();
  if (stage_ == Stage::going && line->text == taken_line) return on_taken();
  end("the process that wanted to take over says what does not belong here: " + line->text);
}

void Door::on_ask(const std::string& text) {
  if (text != ask_line) return end("it speaks another hand-over: " + text);
  const auto descriptors = owner_.stop();
  if (!descriptors) return end(descriptors.error());
  stage_ = Stage::stopped;
  if (auto sent = send_line(visitor_.native_handle(), state_line, *descriptors); !sent) return end(sent.error());
  patience_.expires_after(take_up_time_max);
  wait_for_word();
}

void Door::on_ready() {
  stage_ = Stage::going;
  if (auto sent = send_line(visitor_.native_handle(), go_line); !sent) return end(sent.error());
  patience_.expires_after(take_time_max);
  wait_for_word();
}

void Door::on_taken() {
  const pid_t successor = peer_of(visitor_.native_handle()).process;
  stage_ = Stage::waiting;
  show_out();
  file_.leave();  // the name may be the other one's door by now, perhaps under the very same inode
  close();
  owner_.leave(successor);
}

// Words may be late, lost, or of somebody who died behind them: whose it is, the state directory says.
void Door::end(const std::string& why) {
  const bool stopped = stage_ == Stage::stopped || stage_ == Stage::going;
  if (stopped && !owner_.go_on(why)) return on_taken();
  stage_ = Stage::waiting;
  static_cast<void>(send_line(visitor_.native_handle(), std::string(stay_line) + why));  // it may be gone
  show_out();
  wait_for_knock();
}

void Door::show_out() {
  ++awaited_;
  patience_.cancel();
  asio::error_code ignored;
  visitor_.close(ignored);
}

}  // namespace crier::hand_over
