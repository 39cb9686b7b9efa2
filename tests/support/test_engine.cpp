#include "tests/support/test_engine.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "protocol/base/check.hpp"

namespace crier::testing {

TestEngine::TestEngine(Options options, Witness witness)
    : options_(std::move(options)),
      witness_(std::move(witness)),
      chance_(options_.seed),
      sequence_(options_.start),
      lost_below_(options_.start) {}

std::optional<Error> TestEngine::fault() {
  if (faultless_) return std::nullopt;
  const auto drawn = [&](std::size_t n) { return n != 0 && chance_.one_in(n); };
  if (drawn(options_.unavailable_one_in)) return Error{ErrorCode::unavailable, "", "the engine does not want to"};
  if (drawn(options_.timeout_one_in)) return Error{ErrorCode::timeout, "", "the engine does not know"};
  return std::nullopt;
}

std::optional<Result<std::uint64_t>> TestEngine::publish(engine::Ticket ticket,
                                                         const engine::Publication& publication) {
  Waiting waiting;
  waiting.ticket = ticket;
  waiting.message = {0,
                     std::string(publication.data_json),
                     publication.encoding,
                     std::string(publication.conflate_key),
                     publication.time_ms,
                     publication.expires_ms};
  std::string channel(publication.channel);
  const bool first = !waiting_.contains(channel);
  if (first && !silent_ && options_.at_once_one_in != 0 && chance_.one_in(options_.at_once_one_in)) {
    if (std::optional<Error> why = fault()) return Result<std::uint64_t>(std::move(*why));
    store(channel, waiting);
    witness_(channel, waiting.message);
    return Result<std::uint64_t>(waiting.message.offset);
  }
  waiting_[std::move(channel)].push_back(std::move(waiting));
  return std::nullopt;
}

void TestEngine::store(const std::string& channel, Waiting& waiting) {
  sequence_ += chance_.between(1, 3);  // offsets are not dense
  waiting.message.offset = sequence_;
  waiting.stored = true;
  if (!options_.keeps_more) return;
  const auto [found, fresh] = stores_.try_emplace(channel);
  Store& store = found->second;
  if (fresh) store.floor = lost_below_;
  store.messages.push_back(waiting.message);
  while (store.messages.size() > options_.messages_max) {
    store.floor = store.messages.front().offset;
    store.messages.pop_front();
  }
}

void TestEngine::recover(engine::Ticket ticket, std::string_view channel, std::uint64_t after, std::size_t bytes_max) {
  recoveries_.push_back({ticket, std::string(channel), after, bytes_max});
}

void TestEngine::work(engine::Answers& answers) {
  CRIER_ASSERT(busy());
  if (!recoveries_.empty() && (waiting_.empty() || chance_.one_in(3))) return answer_recovery(answers);
  const auto line = std::next(waiting_.begin(), static_cast<std::ptrdiff_t>(chance_.below(waiting_.size())));
  const auto next = std::find_if(line->second.begin(), line->second.end(), [](const Waiting& w) { return !w.stored; });
  // It may have stored several before it tells of the first.
  if (next == line->second.end() || (next != line->second.begin() && !chance_.one_in(3))) return tell(line, answers);
  if (next == line->second.begin()) {
    if (std::optional<Error> why = fault()) {
      const engine::Ticket ticket = next->ticket;
      line->second.pop_front();
      if (line->second.empty()) waiting_.erase(line);
      return answers.on_stored(ticket, std::move(*why));
    }
  }
  store(line->first, *next);
  if (chance_.one_in(2)) tell(line, answers);
}

void TestEngine::tell(Lines::iterator line, engine::Answers& answers) {
  const Waiting told = std::move(line->second.front());
  CRIER_ASSERT(told.stored);
  line->second.pop_front();
  const std::string channel = line->first;
  if (line->second.empty()) waiting_.erase(line);
  witness_(channel, told.message);
  answers.on_stored(told.ticket, told.message.offset);
}

void TestEngine::answer_recovery(engine::Answers& answers) {
  const std::size_t at = chance_.below(recoveries_.size());
  const Recovery asked = std::move(recoveries_[at]);
  recoveries_.erase(recoveries_.begin() + static_cast<std::ptrdiff_t>(at));
  if (!faultless_ && options_.recover_fails_one_in != 0 && chance_.one_in(options_.recover_fails_one_in)) {
    return answers.on_recovered(asked.ticket, Error{ErrorCode::unavailable, "", "the engine cannot recover now"});
  }
  engine::Recovered recovered;
  recovered.floor = floor_of(asked.channel);
  recovered.complete = true;
  std::size_t bytes = 0;
  if (const auto found = stores_.find(asked.channel); found != stores_.end()) {
    for (const engine::StoredMessage& message : found->second.messages) {
      if (message.offset <= asked.after) continue;
      if (!recovered.messages.empty() && bytes + message.data_json.size() > asked.bytes_max) {
        recovered.complete = false;
        break;
      }
      bytes += message.data_json.size();
      recovered.messages.push_back(message);
    }
  }
  answers.on_recovered(asked.ticket, std::move(recovered));
}

void TestEngine::tell_all(engine::Answers& answers) {
  for (bool again = true; again;) {
    again = false;
    for (auto line = waiting_.begin(); line != waiting_.end(); ++line) {
      if (!line->second.front().stored) continue;
      tell(line, answers);
      again = true;
      break;
    }
  }
}

void TestEngine::change_epoch(std::string epoch, engine::Answers& answers) {
  stores_.clear();
  lost_below_ = sequence_;
  options_.epoch = epoch;
  answers.on_new_epoch(std::move(epoch));
}

std::uint64_t TestEngine::floor_of(std::string_view channel) const {
  const auto found = stores_.find(channel);
  return found == stores_.end() ? lost_below_ : found->second.floor;
}

}  // namespace crier::testing
