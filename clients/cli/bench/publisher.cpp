#include "clients/cli/bench/publisher.hpp"

#include <limits>

#include "clients/cli/bench/connection.hpp"
#include "clients/cli/bench/run.hpp"
#include "clients/cli/bench/server_message.hpp"
#include "clients/cli/bench/worker.hpp"
#include "clients/cli/exit_code.hpp"

namespace crier::cli::benchmark {

namespace {

constexpr std::int64_t stalled_ns = 5 * second_ns;
// Acknowledgements that a publisher with a rate waits for at most; beyond it falls behind.
constexpr std::size_t pending_max = 1U << 16U;
// In a closed loop, for acknowledgements that overtake one another.
constexpr std::size_t pending_a_slot = 4;
// What waits for the socket at most: enough to keep it busy.
constexpr std::size_t unsent_bytes_max = 256 * 1024;

std::size_t slots_of(const Options& options) {
  return options.closed_loop() ? options.in_flight : 0;
}

std::size_t pending_room(const Options& options) {
  if (!options.acks) return 0;
  return options.closed_loop() ? pending_a_slot * std::size_t{options.in_flight} : pending_max;
}

// What no later publish will change, either.
bool is_final(std::string_view code) {
  return code == "forbidden" || code == "unauthorized" || code == "token_expired" || code == "too_large" ||
         code == "bad_request";
}

}  // namespace

Publisher::Publisher(Run& run, Worker& worker, std::uint32_t number, std::uint64_t seed)
    : run_(run),
      worker_(worker),
      number_(number),
      random_(seed),
      payloads_(run.options.sizes),
      next_sequence_(run.options.channels, 0),
      in_flight_(slots_of(run.options)),
      taken_at_(slots_of(run.options), 0),
      pending_(pending_room(run.options)) {
  const Options& options = run.options;
  if (!options.closed_loop()) interval_ns_ = static_cast<std::int64_t>(1e9 * options.publishers / options.rate);
  for (auto slot = static_cast<std::uint32_t>(slots_of(options)); slot-- > 0;) free_slots_.push_back(slot);
}

bool Publisher::stayed() const {
  return connection_ != nullptr && connection_->stayed();
}

bool Publisher::can_publish() const {
  if (connection_ == nullptr || !connection_->ready() || connection_->unsent_bytes() >= unsent_bytes_max) return false;
  if (run_.options.closed_loop() && free_slots_.empty()) return false;
  return pending_.empty() || !pending_[next_id_ % pending_.size()].waits;
}

std::int64_t Publisher::next_due() const {
  return run_.options.closed_loop() || done() || !can_publish() ? never_ns : next_due_;
}

std::uint64_t Publisher::unsent() const {
  const std::int64_t end = run_.window_end.load();
  if (interval_ns_ == 0 || next_due_ >= end) return 0;
  return static_cast<std::uint64_t>((end - 1 - next_due_) / interval_ns_ + 1);
}

void Publisher::pump() {
  const std::int64_t time = now_ns();
  if (run_.options.closed_loop()) {
    while (can_publish() && publish(time)) {
    }
    return;
  }
  // What was due before the window's end goes out behind it too: left out, the latest of all would not be counted.
  const std::int64_t end = run_.window_end.load(std::memory_order_relaxed);
  while (next_due_ <= time && next_due_ < end && can_publish()) {
    publish(next_due_);
    if (run_.in_window(next_due_))
      worker_.statistics().behind_ns.raise_to(static_cast<std::uint64_t>(time - next_due_));
    next_due_ += interval_ns_;
  }
  if (next_due_ >= end || connection_->closed()) done_.store(true, std::memory_order_relaxed);
}

// false: nobody is there to finish it, so that it took no slot.
bool Publisher::publish(std::int64_t due) {
  const std::uint32_t channel = run_.options.channels > 1 ? random_.below(run_.options.channels) : 0;
  const std::uint32_t sequence = next_sequence_[channel];
  if (sequence == std::numeric_limits<std::uint32_t>::max()) {
    run_.failures.add({exit_failed, "a publisher has no more numbers for its messages: a run is to be shorter"});
    return false;
  }
  ++next_sequence_[channel];
  run_.expected.fetch_add(run_.listening[channel].load(std::memory_order_relaxed), std::memory_order_relaxed);
  const bool closed = run_.options.closed_loop();
  const std::uint32_t slot = closed ? take_slot(channel, sequence, due) : 0;
  std::string& data = payloads_.of(sequence);
  write_marker(data.data(), {run_.marker_time(due), slot == slots_max ? 0 : slot, sequence, channel, number_});
  command_.assign(R"({"op":"publish","channel":")").append(run_.channel_names[channel]).append(R"(","data":")");
  command_.append(data).append(1, '"');
  if (!pending_.empty()) {
    pending_of(next_id_) = {next_id_, due, tag_of(channel, sequence), slot, channel, true};
    command_.append(R"(,"id":)").append(std::to_string(next_id_++));
  }
  command_.append(1, '}');
  worker_.send_later(*connection_, command_);
  if (run_.in_window(due)) worker_.statistics().published.add();
  return slot != slots_max;
}

// slots_max: nobody listens, and there will be no acknowledgement.
std::uint32_t Publisher::take_slot(std::uint32_t channel, std::uint32_t sequence, std::int64_t time) {
  const std::uint32_t acknowledgement = pending_.empty() ? 0 : 1;
  const std::uint32_t parties = run_.threads_listening[channel].load(std::memory_order_relaxed) + acknowledgement;
  if (parties == 0) return slots_max;
  const std::uint32_t slot = free_slots_.back();
  free_slots_.pop_back();
  in_flight_.take(slot, tag_of(channel, sequence), parties);
  taken_at_[slot] = time;
  return slot;
}

void Publisher::give_up_stalled(std::int64_t time) {
  if (free_slots_.size() == taken_at_.size()) return;
  for (std::uint32_t slot = 0; slot < taken_at_.size(); ++slot) {
    if (time - taken_at_[slot] < stalled_ns || !in_flight_.give_up(slot)) continue;
    free_slots_.push_back(slot);
    worker_.statistics().stalls.add();
  }
  for (Pending& pending : pending_) {
    if (pending.waits && time - pending.due > stalled_ns) pending.waits = false;
  }
}

void Publisher::settle(Pending& pending) {
  pending.waits = false;
  if (run_.options.closed_loop() && in_flight_.arrived(pending.slot, pending.tag)) finished(pending.slot);
  worker_.publishers_may_go_on();
}

void Publisher::acknowledged(std::uint64_t id, std::int64_t time) {
  if (pending_.empty()) return;
  Pending& pending = pending_of(id);
  if (!pending.waits || pending.id != id) return;
  if (run_.in_window(pending.due)) worker_.statistics().ack_latency.add(time - pending.due);
  settle(pending);
}

void Publisher::refused(const Notice& notice) {
  Statistics& statistics = worker_.statistics();
  statistics.refused.add();
  if (const auto channel = run_.channel_named(notice.channel)) {
    const std::uint32_t listeners = run_.listening[*channel].load(std::memory_order_relaxed);
    run_.expected.fetch_sub(listeners, std::memory_order_relaxed);
    statistics.refused_deliveries.add(listeners);
  }
  run_.failures.add({exit_failed, "a publish was refused: " + printable(notice.code) + ": " + printable(notice.text)});
  if (is_final(notice.code)) run_.over.store(true);
  if (!notice.id || pending_.empty()) return;
  Pending& pending = pending_of(*notice.id);
  if (!pending.waits || pending.id != *notice.id) return;
  pending.waits = false;
  if (run_.options.closed_loop() && in_flight_.give_up(pending.slot)) finished(pending.slot);
  worker_.publishers_may_go_on();
}

}  // namespace crier::cli::benchmark
