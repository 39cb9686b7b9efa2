// A publisher's messages on their way, in a closed loop: the next one goes out when one has reached all who are to get
// it. Deliveries are counted down by each thread for itself; only the last one of a thread is told to the others.
//
// take() and give_up() belong to the publisher's thread, arrived() to any.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace crier::cli::benchmark {

// Which message a slot is for, as far as it takes to tell it from the slot's messages before and after.
using MessageTag = std::uint64_t;
[[nodiscard]] constexpr MessageTag tag_of(std::uint32_t channel, std::uint32_t sequence) {
  return std::uint64_t{sequence} << 16U | (channel & 0xFFFFU);
}

class InFlight {
 public:
  explicit InFlight(std::size_t slots) : words_(std::make_unique<std::atomic<std::uint64_t>[]>(slots)) {}

  // The slot is free. So many parties (threads with subscribers, and the acknowledgement) will be done with it, at
  // most 65535.
  void take(std::uint32_t slot, MessageTag tag, std::uint32_t parties) {
    words_[slot].store(tag << 16U | parties, std::memory_order_release);
  }
  [[nodiscard]] bool is_for(std::uint32_t slot, MessageTag tag) const {
    return words_[slot].load(std::memory_order_acquire) >> 16U == tag;
  }
  // One party is done; true for the last. Nothing happens when the slot is for another message by now.
  [[nodiscard]] bool arrived(std::uint32_t slot, MessageTag tag) {
    std::uint64_t word = words_[slot].load(std::memory_order_acquire);
    do {
      if (word >> 16U != tag || (word & 0xFFFFU) == 0) return false;
    } while (!words_[slot].compare_exchange_weak(word, word - 1, std::memory_order_acq_rel));
    return (word & 0xFFFFU) == 1;
  }
  // Nobody needs to wait for it any longer. false: it has arrived already, whoever saw that will say so.
  [[nodiscard]] bool give_up(std::uint32_t slot) {
    return (words_[slot].exchange(0, std::memory_order_acq_rel) & 0xFFFFU) != 0;
  }

 private:
  std::unique_ptr<std::atomic<std::uint64_t>[]> words_;  // tag, and how many parties are left
};

// One thread's own count of a message's deliveries.
struct Countdown {
  MessageTag tag = ~MessageTag{0};
  std::uint32_t left = 0;
};

}  // namespace crier::cli::benchmark
