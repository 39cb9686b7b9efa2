// What goes over a connection.
#include <sys/epoll.h>

#include <string>
#include <tuple>
#include <utility>

#include "clients/cli/bench/connection.hpp"
#include "clients/cli/bench/publisher.hpp"
#include "clients/cli/bench/run.hpp"
#include "clients/cli/bench/server_message.hpp"
#include "clients/cli/bench/worker.hpp"
#include "clients/cli/exit_code.hpp"
#include "protocol/websocket/frame_writer.hpp"

namespace crier::cli::benchmark {

namespace {

constexpr int reads_an_event_max = 4;  // for the sake of the other connections
// Of a publisher's room for what it sends; whoever only subscribes keeps none.
constexpr std::size_t unsent_kept_bytes = 1024 * 1024;

}  // namespace

void Connection::on_readable() {
  const std::span<char> buffer = worker_.read_buffer();
  for (int i = 0; i < reads_an_event_max; ++i) {
    const Transfer got = stream_.read(buffer);
    switch (got.outcome) {
      case Transfer::Outcome::again: return;
      case Transfer::Outcome::ended: return on_end("it ended without a close frame; is the broker still there?");
      case Transfer::Outcome::failed: return on_end((stream_.failure() + "; is the broker still there?").c_str());
      case Transfer::Outcome::bytes: break;
    }
    worker_.on_read(ready() && subscribes());
    consume(buffer.first(got.bytes));
    if (closed()) return;
    if (got.bytes < buffer.size() && !stream_.keeps_bytes()) return;
  }
  if (stream_.keeps_bytes()) worker_.read_again(*this);
}

void Connection::consume(std::span<char> input) {
  if (state_ == State::upgrading) return on_upgrade_answer({input.data(), input.size()});
  take_frames(input);
}

void Connection::take_frames(std::span<char> input) {
  while (!closed()) {
    if (ready() && !assembler_.in_progress()) {
      if (const auto text = take_whole_text(input, message_bytes_max_)) {
        on_text(*text);
        continue;
      }
    }
    const websocket::AssemblerEvent event = assembler_.next(input, nullptr);
    if (const auto* message = std::get_if<websocket::Message>(&event)) {
      on_text(message->data);
    } else if (std::holds_alternative<websocket::Starved>(event)) {
      return;
    } else if (const auto* ping = std::get_if<websocket::Ping>(&event)) {
      queue(websocket::Opcode::pong, ping->payload);
      flush();
    } else if (const auto* close = std::get_if<websocket::CloseFrame>(&event)) {
      const std::string how = closed_text(close->code, close->reason);
      say_goodbye(close->code);
      on_end(how.c_str());
    } else if (const auto* error = std::get_if<websocket::FrameError>(&event)) {
      const std::string how = "the server broke the protocol: " + std::string(describe(*error).reason);
      on_end(how.c_str());
    }
  }
}

void Connection::on_text(std::string_view text) {
  if (state_ != State::ready) return on_greeting(text);
  if (subscribes() && text.starts_with(message_start)) return on_message(text);
  if (!subscribes()) {
    if (const auto id = published_id(text)) return publisher_->acknowledged(*id, worker_.now());
  }
  on_notice(text);
}

void Connection::on_message(std::string_view push) {
  const std::string_view data = data_of(push, data_offset_);
  const auto marker = read_marker(data);
  Statistics& statistics = worker_.statistics();
  if (!marker) return statistics.corrupt.add();
  if (marker->publisher >= sequences_.publishers() || marker->channel != channel_) return statistics.misrouted.add();
  const std::size_t bytes = worker_.data_bytes_of(marker->sequence);
  if (data.size() <= bytes || data[bytes - 1] != payload_end || data[bytes] != '"') statistics.corrupt.add();
  on_arrival(*marker);
}

void Connection::on_arrival(const Marker& marker) {
  Statistics& statistics = worker_.statistics();
  switch (sequences_.arrived(marker.publisher, marker.sequence)) {
    case Arrival::in_order: break;
    case Arrival::late: statistics.misordered.add(); break;
    case Arrival::duplicate: return statistics.duplicates.add();
  }
  statistics.deliveries_ever.add();
  const std::int64_t due = run_.time_of(marker);
  if (run_.in_window(worker_.now())) statistics.deliveries.add();
  if (run_.in_window(due)) statistics.latency.add(worker_.now() - due);
  if (run_.options.closed_loop()) worker_.count_down(marker);
}

// What comes seldom, and beside messages.
void Connection::on_notice(std::string_view text) {
  const Notice notice = read_notice(text);
  if (notice.op == "error" && publisher_ != nullptr) {
    publisher_->refused(notice);
  } else if (notice.op == "gap") {
    worker_.statistics().gaps.add();
    worker_.statistics().lost_in_gaps.add(notice.lost);
  } else if (notice.op == "unsubscribed") {
    on_end(("the broker ended the subscription: " + printable(notice.code) + ": " + printable(notice.text)).c_str());
  } else if (notice.op == "drain") {
    worker_.statistics().drains.add();
  } else if (notice.op == "error") {
    run_.failures.add({exit_failed, "the broker says: " + printable(notice.code) + ": " + printable(notice.text)});
  }
}

void Connection::queue(websocket::Opcode opcode, std::string_view payload) {
  websocket::append_client_frame(unsent_, opcode, payload, worker_.random().next());
}

void Connection::say_goodbye(websocket::CloseCode code) {
  queue(websocket::Opcode::close, websocket::close_payload(code, ""));
  std::ignore = stream_.write(std::string_view(unsent_).substr(sent_));
}

void Connection::flush() {
  while (unsent_bytes() > 0) {
    const Transfer put = stream_.write(std::string_view(unsent_).substr(sent_));
    if (put.outcome == Transfer::Outcome::bytes) {
      sent_ += put.bytes;
    } else if (put.outcome == Transfer::Outcome::again) {
      if (2 * sent_ > unsent_.size()) unsent_.erase(0, std::exchange(sent_, 0));
      if (!waits_to_write_) watch(EPOLLIN | EPOLLOUT);
      waits_to_write_ = true;
      return;
    } else {
      return on_end((stream_.failure() + "; is the broker still there?").c_str());
    }
  }
  unsent_.clear();
  sent_ = 0;
  if (publisher_ == nullptr || unsent_.capacity() > unsent_kept_bytes) unsent_.shrink_to_fit();
  if (!waits_to_write_) return;
  waits_to_write_ = false;
  watch(EPOLLIN);
  worker_.publishers_may_go_on();
}

}  // namespace crier::cli::benchmark
