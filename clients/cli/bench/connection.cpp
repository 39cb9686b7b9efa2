// How a connection comes about and how it ends; connection_io.cpp has what goes over it.
#include "clients/cli/bench/connection.hpp"

#include <sys/epoll.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include "clients/cli/bench/publisher.hpp"
#include "clients/cli/bench/run.hpp"
#include "clients/cli/bench/server_message.hpp"
#include "clients/cli/bench/worker.hpp"
#include "clients/cli/exit_code.hpp"
#include "clients/cli/link.hpp"
#include "protocol/websocket/frame_writer.hpp"

namespace crier::cli::benchmark {

namespace {

constexpr std::string_view subprotocol = "crier.v1.json";
// Beside its data: a push's names and numbers, or a reply.
constexpr std::size_t message_overhead_bytes_max = 64 * 1024;

std::size_t message_bytes_max(const Options& options) {
  std::size_t largest = 0;
  for (const std::size_t bytes : options.sizes) largest = std::max(largest, bytes);
  return largest + message_overhead_bytes_max;
}

}  // namespace

Connection::Connection(Run& run, Worker& worker, std::uint32_t number, std::uint32_t channel, Publisher* publisher)
    : run_(run),
      worker_(worker),
      assembler_(websocket::Role::client, message_bytes_max(run.options), /*deflate_negotiated=*/false),
      publisher_(publisher),
      number_(number),
      channel_(channel),
      data_offset_(static_cast<std::uint32_t>(data_offset(run.channel_names[channel]))),
      message_bytes_max_(message_bytes_max(run.options)) {}

void Connection::watch(std::uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = this;
  const int how = state_ == State::connecting ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
  if (::epoll_ctl(worker_.epoll(), how, stream_.fd(), &event) == 0) return;
  fail({exit_failed, "epoll: " + std::system_category().message(errno)});
}

void Connection::open() {
  const auto from = run_.target.source_of(number_);
  const Address& to = run_.target.address;
  if (!stream_.connect(to.get(), to.size, from ? from->get() : nullptr, from ? from->size : 0)) {
    return fail({exit_unreachable, stream_.failure() + std::string(nobody_there)});
  }
  state_ = State::connecting;
  watch(EPOLLOUT);
}

void Connection::on_event(std::uint32_t events) {
  switch (state_) {
    case State::unopened:
    case State::closed: return;
    case State::connecting: return on_connected();
    case State::securing: return secure();
    default: break;
  }
  if ((events & EPOLLOUT) != 0) flush();
  if (!closed() && (events & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0) on_readable();
}

void Connection::on_connected() {
  if (!stream_.finish_connect()) return fail({exit_unreachable, stream_.failure() + std::string(nobody_there)});
  if (!run_.target.tls) return ask_for_upgrade();
  if (!stream_.start_tls(run_.target.tls->new_session(run_.target.url.host))) {
    return fail({exit_unreachable, stream_.failure()});
  }
  state_ = State::securing;
  secure();
}

void Connection::secure() {
  switch (stream_.handshake()) {
    case Stream::Handshake::done: return ask_for_upgrade();
    case Stream::Handshake::wants_read: return watch(EPOLLIN);
    case Stream::Handshake::wants_write: return watch(EPOLLOUT);
    case Stream::Handshake::failed: return fail({exit_unreachable, stream_.failure()});
  }
}

void Connection::ask_for_upgrade() {
  websocket::UpgradeRequest request;
  request.host = run_.target.url.host_header();
  request.target = run_.target.url.target;
  request.subprotocols = {std::string(subprotocol)};
  for (unsigned char& byte : request.nonce) byte = static_cast<unsigned char>(worker_.random().next() >> 24U);
  if (!run_.target.authorization.empty()) request.headers.push_back({"Authorization", run_.target.authorization});
  handshake_ = std::make_unique<websocket::ClientHandshake>(request);
  state_ = State::upgrading;
  unsent_ = handshake_->request();
  watch(EPOLLIN);
  flush();
}

void Connection::on_upgrade_answer(std::string_view input) {
  const char* const end = input.data() + input.size();
  const websocket::ClientHandshakeStep step = handshake_->next(input);
  if (!judge(step)) return;
  handshake_.reset();
  state_ = State::greeted_not_yet;
  // What is left lies in the worker's own buffer.
  if (!input.empty()) take_frames({const_cast<char*>(end - input.size()), input.size()});  // NOLINT
}

// Is it a WebSocket now?
bool Connection::judge(const websocket::ClientHandshakeStep& step) {
  if (std::holds_alternative<http::NeedMore>(step)) return false;
  if (const auto* refused = std::get_if<websocket::HandshakeRefused>(&step)) {
    return fail(refused_upgrade(refused->status, refused->detail)), false;
  }
  if (const auto* fault = std::get_if<websocket::HandshakeFault>(&step)) {
    return fail({exit_unreachable, "the answer " + fault->detail + "; is this the URL of a Crier broker?"}), false;
  }
  if (std::get<websocket::HandshakeAccepted>(step).subprotocol == subprotocol) return true;
  fail({exit_unreachable,
        "it speaks WebSocket but not " + std::string(subprotocol) + "; is this the URL of a Crier broker?"});
  return false;
}

// The first things that a broker says: its welcome, and the answer to a subscribe.
void Connection::on_greeting(std::string_view text) {
  const Notice notice = read_notice(text);
  if (notice.op == "error") {
    return fail({exit_failed, "the broker refused it: " + printable(notice.code) + ": " + printable(notice.text)});
  }
  if (state_ == State::greeted_not_yet) {
    if (notice.op != "welcome") return fail({exit_unreachable, "it gave no welcome; is this a Crier broker?"});
    if (!subscribes()) return become_ready();
    state_ = State::subscribing;
    queue(websocket::Opcode::text, run_.subscribe_command(channel_));
    return flush();
  }
  if (notice.op == "subscribed" && notice.channel == run_.channel_names[channel_]) become_ready();
}

void Connection::become_ready() {
  state_ = State::ready;
  if (subscribes()) {
    sequences_.start(run_.options.publishers);
    worker_.listens(channel_);
  }
  worker_.handshake_ended(/*well=*/true);
}

void Connection::give_up(const char* why) {
  if (state_ != State::ready && state_ != State::closed) fail({exit_unreachable, why});
}

// A connection that was ready and no longer is, but for close().
void Connection::on_end(const char* how) {
  if (closed()) return;
  // An answer without a length ends with the connection.
  if (state_ == State::upgrading && !judge(handshake_->finish())) return;
  fail({state_ == State::ready ? exit_failed : exit_unreachable, how});
}

void Connection::fail(Failure failure) {
  if (closed()) return;
  const bool was_ready = ready();
  stayed_ = false;
  leave();
  if (run_.stop.load()) return;
  failure.text = (subscribes() ? "a subscriber" : "a publisher") +
                 std::string(was_ready ? " lost its connection: " : " could not connect: ") +
                 in_own_words(failure.text);
  if (was_ready) failure.exit_code = exit_failed;
  run_.failures.add(failure);
  if (was_ready) {
    (subscribes() ? run_.subscribers_gone : run_.publishers_gone).fetch_add(1);
  } else {
    worker_.handshake_ended(/*well=*/false);
  }
}

void Connection::leave() {
  if (ready() && subscribes()) worker_.listens_no_more(channel_);
  state_ = State::closed;
  handshake_.reset();
  stream_.close();
}

void Connection::close() {
  if (ready()) say_goodbye(websocket::CloseCode::normal);
  if (!closed()) leave();
}

}  // namespace crier::cli::benchmark
