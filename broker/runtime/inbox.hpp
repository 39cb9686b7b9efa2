// The only door between shards: a queue of batches with many writers and one reader.
//
// FIFO for each writer. No lock: a writer pushes its batch onto a stack with one compare-and-swap, the
// reader takes the whole stack with one exchange and turns it round. What bounds it is the credit of
// the shards that write (broker/hub/shard.hpp), not the queue itself.
#pragma once

#include <atomic>
#include <memory>
#include <utility>

namespace crier::runtime {

// `Batch` needs a member `std::unique_ptr<Batch> next`.
template <class Batch>
class Inbox {
 public:
  Inbox() = default;
  Inbox(const Inbox&) = delete;
  Inbox& operator=(const Inbox&) = delete;
  ~Inbox() {
    // One by one: a long list that frees itself would recurse once for every batch.
    for (std::unique_ptr<Batch> batch = take(); batch;) batch = std::move(batch->next);
  }

  // Any thread. True when the inbox was empty: then the reader must be woken, once for all that follows
  // until it reads.
  [[nodiscard]] bool push(std::unique_ptr<Batch> batch) {
    Batch* const raw = batch.release();
    Batch* head = head_.load(std::memory_order_relaxed);
    do {
      // A stack of owners written as one atomic pointer: `next` owns what was on top before.
      static_cast<void>(raw->next.release());
      raw->next.reset(head);
    } while (!head_.compare_exchange_weak(head, raw, std::memory_order_release, std::memory_order_relaxed));
    return head == nullptr;
  }

  // The reader's thread. A batch that a writer pushes meanwhile may be missed.
  [[nodiscard]] bool empty() const { return head_.load(std::memory_order_acquire) == nullptr; }

  // The reader's thread. All batches so far, oldest first, linked by `next`; nullptr when empty.
  [[nodiscard]] std::unique_ptr<Batch> take() {
    std::unique_ptr<Batch> newest(head_.exchange(nullptr, std::memory_order_acquire));
    std::unique_ptr<Batch> oldest;
    while (newest) {
      std::unique_ptr<Batch> older = std::move(newest->next);
      newest->next = std::move(oldest);
      oldest = std::move(newest);
      newest = std::move(older);
    }
    return oldest;
  }

 private:
  std::atomic<Batch*> head_{nullptr};
};

}  // namespace crier::runtime
