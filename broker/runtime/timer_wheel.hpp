// Deadlines without a timer each: a wheel of slots, one turn of which is `slot_count` ticks.
//
// Pure: time is handed in as a tick number. One owner thread. Scheduling and cancelling are O(1); a
// deadline further away than one turn stays in its slot and is looked at once a turn.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace crier::runtime {

using Tick = std::uint32_t;

class TimerWheel {
 public:
  // Something with one deadline. It must outlive its place in the wheel; its destructor leaves the wheel.
  class Entry {
   public:
    Entry() = default;
    Entry(const Entry&) = delete;
    Entry& operator=(const Entry&) = delete;
    virtual ~Entry() { unlink(); }
    [[nodiscard]] bool scheduled() const noexcept { return next_ != nullptr; }
    [[nodiscard]] Tick deadline() const noexcept { return deadline_; }

   protected:
    // Called once, after the entry has left the wheel; may schedule itself again or destroy itself.
    virtual void on_deadline() = 0;

   private:
    friend class TimerWheel;
    void unlink() noexcept;
    Entry* previous_ = nullptr;
    Entry* next_ = nullptr;
    Tick deadline_ = 0;
  };

  TimerWheel();
  TimerWheel(const TimerWheel&) = delete;
  TimerWheel& operator=(const TimerWheel&) = delete;
  ~TimerWheel();

  // Puts the entry (or moves it) to `deadline`; one that is not in the future fires at the next tick.
  void schedule(Entry& entry, Tick deadline) noexcept;
  void cancel(Entry& entry) noexcept { entry.unlink(); }

  // Fires everything due up to `now`, tick by tick.
  void advance(Tick now);
  [[nodiscard]] Tick now() const noexcept { return now_; }

 private:
  static constexpr std::size_t slot_count = 512;
  // A slot is a ring whose head is an entry that never fires.
  class Head final : public Entry {
    void on_deadline() override {}
  };
  static void link_before(Entry& head, Entry& entry) noexcept;
  std::array<Head, slot_count> slots_;
  Tick now_ = 0;
};

}  // namespace crier::runtime
