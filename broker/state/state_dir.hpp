// The directory in which a broker leaves its state at a graceful stop, and finds it at the next start.
//
// Invariants, each with what breaks without it:
//   1. A state is taken up once. It is moved away, and that is on the disk, before the life that goes on from it gives
//      out a position (`commit`). A crash after that finds no state, so the next life has another epoch; otherwise it
//      would give offsets to new messages that clients already hold as positions of other ones. A start that comes to
//      nothing before it leaves the state to the next one. Of a process that commits and one that takes back the state
//      that it wrote for it, one alone succeeds: both need the same file under the same name.
//   2. No state is half believed: it is taken whole, or set aside with a sentence that says why.
//   3. A state that was not written and synced to its last byte never has the name that a start looks for. A
//      full disk leaves everything as it was.
//   4. One broker a directory, by a lock that ends with the process.
//   5. Nothing is read or written through a link, everything that is written has mode 0600, and what another
//      user could have written is not believed.
//   6. What is set aside is bounded: the newest `damaged_files_max` are kept.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <variant>

#include "broker/state/directory.hpp"
#include "broker/state/saved_state.hpp"
#include "broker/state/state_codec.hpp"
#include "protocol/base/result.hpp"

namespace crier::state {

inline constexpr std::size_t damaged_files_max = 8;

// What a start found.
struct Taken {
  std::optional<SavedState> state;
  // For the operator, one sentence or more: what was found that could not be taken up, where it now lies and
  // what follows. Empty when there is nothing to say: a state was taken up, or there never was one.
  std::string note;
};

// open, take, commit, each once, then save: in this order. A save that failed may be tried again, one that succeeded
// may not: what it left belongs to the next start.
class StateDir {
 public:
  // Creates the directory, not the ones above it. Errors: one sentence.
  [[nodiscard]] static Result<StateDir, std::string> open(const std::string& path);

  // The same with a lock that another process holds too, and lets go of with its end.
  [[nodiscard]] static Result<StateDir, std::string> adopt(const std::string& path, FileDescriptor lock);

  // Reads what is there. A longer file is not read. What is not to be believed is set aside.
  [[nodiscard]] Result<Taken, std::string> take(
      std::size_t bytes_max, std::chrono::system_clock::time_point now = std::chrono::system_clock::now());
  // The same for a state that another process has just written for this one: there must be one, and it must be sound.
  // Nothing is set aside. An error is a sentence.
  [[nodiscard]] Result<SavedState, std::string> take_offered(std::size_t bytes_max);
  // What was taken is this life's from here on. An error means that it is not: a start must not go on, because another
  // one could find the same state, or has taken it back.
  [[nodiscard]] std::optional<std::string> commit();

  // `write_channels` gets a writer and gives it each channel. An error means that the next start may find
  // nothing; it is one sentence.
  [[nodiscard]] Result<std::monostate, std::string> save(const SavedHead& head,
                                                         const std::function<void(StateWriter&)>& write_channels);

  // What was saved for another process is not for it after all, as this one goes on: it is removed, and `save` may
  // follow again. False: the other has committed. An error means that it may yet do so.
  [[nodiscard]] Result<bool, std::string> take_back();
  // For the process that adopts it; still this one's.
  [[nodiscard]] int lock_descriptor() const { return lock_.get(); }

 private:
  StateDir(Directory directory, FileDescriptor lock) : directory_(std::move(directory)), lock_(std::move(lock)) {}
  [[nodiscard]] Result<Taken, std::string> set_aside(const std::string& reason,
                                                     std::chrono::system_clock::time_point now);
  [[nodiscard]] std::optional<std::string> write_new(const SavedHead& head,
                                                     const std::function<void(StateWriter&)>& write_channels);

  Directory directory_;
  FileDescriptor lock_;
  bool found_ = false;  // a state, which `commit` has to move away
  bool taken_ = false;
};

}  // namespace crier::state
