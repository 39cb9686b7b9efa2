// A record whose name lies behind it, in the same block of memory: there may be a million of them, each with a
// name of a few bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <new>
#include <string_view>
#include <utility>

#include "protocol/base/check.hpp"

namespace crier::hub {

// class Record : public Named<Record>, with the hash as the first argument of its constructor, made by `make`.
template <class Record>
class Named {
 public:
  [[nodiscard]] std::string_view name() const noexcept {
    return {reinterpret_cast<const char*>(static_cast<const Record*>(this) + 1), name_bytes_};
  }
  [[nodiscard]] std::size_t hash() const noexcept { return hash_; }

  template <class... Arguments>
  [[nodiscard]] static std::unique_ptr<Record> make(std::string_view name, std::size_t hash, Arguments&&... arguments) {
    CRIER_ASSERT(name.size() <= std::numeric_limits<std::uint8_t>::max());
    void* const block = ::operator new(sizeof(Record) + name.size());
    auto* const record = ::new (block) Record(hash, std::forward<Arguments>(arguments)...);
    record->name_bytes_ = static_cast<std::uint8_t>(name.size());
    name.copy(reinterpret_cast<char*>(record + 1), name.size());
    return std::unique_ptr<Record>(record);
  }
  static void* operator new(std::size_t size) = delete;  // there would be no room for the name
  // Frees the whole block, whose size the compiler does not know.
  // NOLINTNEXTLINE(misc-new-delete-overloads): a deleted operator new counts as none
  static void operator delete(void* block) noexcept { ::operator delete(block); }

 private:
  friend Record;
  explicit Named(std::size_t hash) noexcept : hash_(hash) {}
  // NOLINTBEGIN(modernize-use-equals-delete): in public they would count as ways to construct one
  Named(const Named&) = delete;
  Named& operator=(const Named&) = delete;
  // NOLINTEND(modernize-use-equals-delete)
  ~Named() = default;

  std::size_t hash_;
  std::uint8_t name_bytes_ = 0;
};

}  // namespace crier::hub
