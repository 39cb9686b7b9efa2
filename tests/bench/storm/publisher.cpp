#include "tests/bench/storm/publisher.hpp"

#include <algorithm>

#include "tests/bench/load/text.hpp"
#include "tests/bench/storm/run.hpp"
#include "tests/bench/storm/wire.hpp"

namespace crier::storm {

namespace {

constexpr std::int64_t retry_ns = 100 * bench::millisecond_ns;  // at least half of it

}  // namespace

Publisher::Publisher(Run& run, std::uint32_t number) : run_(run), number_(number) {
  const auto step = static_cast<std::uint32_t>(run.options.publishers);
  for (std::uint32_t channel = number; channel < run.channels.size(); channel += step) queues_.push_back({channel, {}});
}

void Publisher::connect() {
  Connection::Owner& self = *this;
  connection_ = std::make_unique<Connection>(run_.loop, run_.endpoint, self, Lane::urgent, 0, nullptr);
  connection_->open();
}

void Publisher::start(std::int64_t first_due, std::int64_t interval_ns) {
  next_due_ = first_due;
  interval_ns_ = interval_ns;
  run_.loop.at(next_due_, [this] { tick(); });
}

void Publisher::tick() {
  if (interval_ns_ == 0) return;
  for (; next_due_ <= run_.loop.now(); next_due_ += interval_ns_) {
    Queue& queue = queues_[next_queue_];
    next_queue_ = (next_queue_ + 1) % queues_.size();
    queue.waiting.push_back({run_.channels[queue.channel].published++, next_due_, false});
    ++run_.outstanding;
    if (queue.waiting.size() == 1) send_first(queue);
  }
  run_.loop.at(next_due_, [this] { tick(); });
}

// The id says which message of which channel a reply is about: one that was sent twice is answered twice.
void Publisher::send_first(Queue& queue) {
  if (!open_) return;
  Message& message = queue.waiting.front();
  const std::size_t channels = run_.channels.size();
  if (message.sent) ++run_.counters.repeated;
  message.sent = true;
  const std::string stamp =
      bench::formatted("[%u,%u,%lld,\"", queue.channel, message.sequence, static_cast<long long>(message.due));
  const std::size_t size = static_cast<std::size_t>(run_.options.size);
  std::string command =
      bench::formatted(R"({"op":"publish","id":%zu,"channel":"%s","key":"%s-%u-%u","data":)",
                       message.sequence * channels + queue.channel, run_.channels[queue.channel].name.c_str(),
                       run_.id.c_str(), queue.channel, message.sequence);
  command += stamp;
  command.append(size - std::min(size, stamp.size() + 2), '.');
  connection_->send(command += "\"]}");
}

void Publisher::on_open() {
  run_.count_open(*connection_);
  failures_ = 0;
  open_ = true;
  ++run_.publishers_open;
  for (Queue& queue : queues_) {
    if (!queue.waiting.empty()) send_first(queue);
  }
}

void Publisher::on_text(std::string_view text) {
  if (is_op(text, "published")) return on_published(text);
  if (is_op(text, "error")) return on_error(text);
}

Publisher::Queue* Publisher::queue_of(std::string_view reply) {
  const auto id = static_cast<std::uint64_t>(integer_of(reply, "id").value_or(-1));
  const std::uint64_t channel = id % run_.channels.size();
  const auto at = static_cast<std::size_t>(channel / static_cast<std::uint64_t>(run_.options.publishers));
  if (at >= queues_.size() || queues_[at].channel != channel) {
    run_.complain("answers no publish of this publisher: " + std::string(reply));
    return nullptr;
  }
  Queue& queue = queues_[at];
  const bool is_first = !queue.waiting.empty() && queue.waiting.front().sequence == id / run_.channels.size();
  return is_first ? &queue : nullptr;
}

void Publisher::on_published(std::string_view text) {
  Queue* const queue = queue_of(text);
  if (queue == nullptr) return;
  ++run_.counters.acknowledged;
  --run_.outstanding;
  run_.acknowledgement.add(run_.loop.now() - queue->waiting.front().due);
  queue->waiting.pop_front();
  if (!queue->waiting.empty()) send_first(*queue);
}

void Publisher::on_error(std::string_view text) {
  ++run_.counters.publishes_refused;
  if (!is_retryable(string_of(text, "code"))) run_.complain("refused: " + std::string(text));
  Queue* const queue = queue_of(text);
  if (queue == nullptr) return;
  const std::uint32_t sequence = queue->waiting.front().sequence;
  const Connection* const of_this_try = connection_.get();
  run_.loop.after(retry_ns / 2 + run_.jitter(retry_ns / 2), [this, queue, sequence, of_this_try] {
    // Another connection has sent it again already.
    if (connection_.get() != of_this_try) return;
    if (!queue->waiting.empty() && queue->waiting.front().sequence == sequence) send_first(*queue);
  });
}

void Publisher::on_end(const End& end) {
  run_.count_end(end);
  if (open_) --run_.publishers_open;
  open_ = false;
  run_.loop.after(run_.reconnect_delay(end, failures_++), [this] { connect(); });
}

}  // namespace crier::storm
