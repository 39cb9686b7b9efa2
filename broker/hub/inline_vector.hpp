// A vector whose first element lies inside: most channels have one subscriber, most connections one
// subscription, and an idle connection's memory is counted in bytes (I7). For small trivial types.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <type_traits>

#include "protocol/base/check.hpp"

namespace crier::hub {

template <class T>
class InlineVector {
  static_assert(std::is_trivially_copyable_v<T> && sizeof(T) == 8);

 public:
  InlineVector() noexcept = default;
  InlineVector(const InlineVector&) = delete;
  InlineVector& operator=(const InlineVector&) = delete;
  ~InlineVector() { release(); }

  [[nodiscard]] std::uint32_t size() const noexcept { return size_; }
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  [[nodiscard]] T* begin() noexcept { return data(); }
  [[nodiscard]] T* end() noexcept { return data() + size_; }
  [[nodiscard]] const T* begin() const noexcept { return data(); }
  [[nodiscard]] const T* end() const noexcept { return data() + size_; }
  [[nodiscard]] T& operator[](std::uint32_t at) noexcept { return data()[at]; }
  [[nodiscard]] const T& operator[](std::uint32_t at) const noexcept { return data()[at]; }
  [[nodiscard]] T& back() noexcept { return data()[size_ - 1]; }

  void push_back(T value) {
    if (size_ == capacity_) grow();
    data()[size_++] = value;
  }

  // Order is not kept: the last element takes the place.
  void swap_remove(std::uint32_t at) noexcept {
    CRIER_ASSERT(at < size_ && size_ <= capacity_);
    data()[at] = data()[size_ - 1];
    --size_;
    if (size_ <= 1 && capacity_ > 1) shrink_to_inline();
  }

 private:
  [[nodiscard]] T* data() noexcept { return capacity_ == 1 ? &storage_.value : storage_.heap; }
  [[nodiscard]] const T* data() const noexcept { return capacity_ == 1 ? &storage_.value : storage_.heap; }
  void grow() {
    const std::uint32_t capacity = capacity_ * 2 < 4 ? 4 : capacity_ * 2;
    auto larger = std::make_unique_for_overwrite<T[]>(capacity);
    std::memcpy(larger.get(), data(), size_ * sizeof(T));
    release();
    storage_.heap = larger.release();
    capacity_ = capacity;
  }
  void shrink_to_inline() noexcept {
    T* const heap = storage_.heap;
    if (size_ == 1) storage_.value = heap[0];
    std::unique_ptr<T[]> freed(heap);
    capacity_ = 1;
  }
  void release() noexcept {
    if (capacity_ > 1) std::unique_ptr<T[]> freed(storage_.heap);
  }

  union Storage {
    Storage() : heap(nullptr) {}
    T value;
    T* heap;  // owned when capacity_ > 1
  } storage_;
  std::uint32_t size_ = 0;
  std::uint32_t capacity_ = 1;
};

}  // namespace crier::hub
