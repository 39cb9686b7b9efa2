#include "broker/state/state_dir.hpp"

#include <array>
#include <ctime>
#include <utility>

#include "protocol/base/check.hpp"

namespace crier::state {
namespace {

// README.md says what an operator may do with each.
const std::string lock_file = "crier.lock";
const std::string state_file = "crier.state";
const std::string new_file = "crier.state.new";
const std::string taken_file = "crier.state.taken";
const std::string damaged_prefix = "crier.state.damaged-";

constexpr const char* consequence =
    " This start has a new epoch: clients go on from now, and recover nothing from before.";

// 20260131T235959Z: names sort by time.
std::string utc_stamp(std::chrono::system_clock::time_point now) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
  std::tm utc{};
  CRIER_ASSERT(::gmtime_r(&seconds, &utc) != nullptr);
  std::array<char, 32> text{};
  const std::size_t bytes = std::strftime(text.data(), text.size(), "%Y%m%dT%H%M%SZ", &utc);
  return {text.data(), bytes};
}

}  // namespace

Result<StateDir, std::string> StateDir::open(const std::string& path) {
  auto directory = Directory::open(path);
  if (!directory) return std::move(directory.error());
  auto lock = directory->lock(lock_file);
  if (!lock) return std::move(lock.error());
  return StateDir(std::move(*directory), std::move(*lock));
}

Result<StateDir, std::string> StateDir::adopt(const std::string& path, FileDescriptor lock) {
  auto directory = Directory::open(path);
  if (!directory) return std::move(directory.error());
  return StateDir(std::move(*directory), std::move(lock));
}

Result<bool, std::string> StateDir::take_back() {
  CRIER_ASSERT(taken_);
  auto removed = directory_.remove_if_there(state_file);
  if (!removed || !*removed) return removed;
  if (auto fault = directory_.sync()) return std::move(*fault);
  return true;
}

Result<Taken, std::string> StateDir::take(std::size_t bytes_max, std::chrono::system_clock::time_point now) {
  CRIER_ASSERT(!found_ && !taken_);
  const auto kind = directory_.kind_of(state_file);
  if (!kind) return kind.error();
  if (*kind == Directory::Kind::missing) {
    const auto left_over = directory_.kind_of(taken_file);
    if (!left_over || *left_over == Directory::Kind::missing) return Taken{};
    return Taken{std::nullopt, "The last broker in " + directory_.path_of("") +
                                   " took up a state and left none, so it did not end in good order." + consequence};
  }
  auto state = take_offered(bytes_max);
  if (!state) return set_aside(state.error(), now);
  return Taken{std::move(*state), {}};
}

Result<SavedState, std::string> StateDir::take_offered(std::size_t bytes_max) {
  const auto file = directory_.read_private(state_file, bytes_max);
  if (!file) return file.error();
  auto state = read_state(file->view());
  found_ = static_cast<bool>(state);
  return state;
}

std::optional<std::string> StateDir::commit() {
  CRIER_ASSERT(!taken_);
  if (found_) {
    // Removed first, because nothing can be moved to the place of something of another kind.
    if (auto fault = directory_.remove(taken_file)) return fault;
    if (auto fault = directory_.move(state_file, taken_file)) return fault;
    if (auto fault = directory_.sync()) return fault;
  }
  taken_ = true;
  return std::nullopt;
}

// Out of the way of the next state, which would take its place. An error: it could not be moved, and the next start
// would find it again.
Result<Taken, std::string> StateDir::set_aside(const std::string& reason, std::chrono::system_clock::time_point now) {
  // Room is made first: a clock that was set back must not make the new one the oldest.
  const auto damaged = directory_.names_with(damaged_prefix);
  for (std::size_t i = 0; i + damaged_files_max < damaged.size() + 1; ++i) {
    // What cannot be removed is no reason not to start.
    static_cast<void>(directory_.remove(damaged[i]));
  }
  const std::string stamped = damaged_prefix + utc_stamp(now);
  std::string name = stamped;
  for (std::size_t again = 1; again < damaged_files_max; ++again) {
    const auto kind = directory_.kind_of(name);
    if (!kind || *kind == Directory::Kind::missing) break;
    name = stamped + "-" + std::to_string(again);
  }
  if (auto fault = directory_.move(state_file, name)) return std::move(*fault);
  if (auto fault = directory_.sync()) return std::move(*fault);
  return Taken{std::nullopt, "The state in " + directory_.path_of(state_file) + " was not taken up, because " + reason +
                                 "; it now lies in " + directory_.path_of(name) + "." + consequence};
}

Result<std::monostate, std::string> StateDir::save(const SavedHead& head,
                                                   const std::function<void(StateWriter&)>& write_channels) {
  CRIER_ASSERT(taken_);
  if (auto fault = directory_.remove(new_file)) return std::move(*fault);
  if (auto fault = write_new(head, write_channels)) {
    static_cast<void>(directory_.remove(new_file));
    return std::move(*fault);
  }
  if (auto fault = directory_.sync()) return std::move(*fault);
  // The new state is safe; a left-over of the old one costs a disk's room and no more.
  static_cast<void>(directory_.remove(taken_file));
  return std::monostate{};
}

std::optional<std::string> StateDir::write_new(const SavedHead& head,
                                               const std::function<void(StateWriter&)>& write_channels) {
  auto file = directory_.create(new_file);
  if (!file) return std::move(file.error());
  StateWriter writer(head, [&](std::string_view bytes) { file->append(bytes); });
  write_channels(writer);
  writer.finish();
  if (auto fault = file->finish()) return fault;
  return directory_.move(new_file, state_file);
}

}  // namespace crier::state
