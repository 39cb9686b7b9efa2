// One channel's presence members at its home.
//
// Owner: the channel's record. Thread: the home shard's.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "broker/hub/message.hpp"

namespace crier::hub {

// Of an authenticated session. Immutable: shards share it.
struct Identity {
  std::string user;
  std::string info_json;  // "": none
};

struct Member {
  SessionId session;
  std::shared_ptr<const Identity> identity;  // null: anonymous
  std::uint32_t serial = 0;                  // of the subscription that makes it one; not for others to see
};

// The order in which members are listed, and in which cursors walk through them.
[[nodiscard]] constexpr bool precedes(const SessionId& a, const SessionId& b) noexcept {
  return a.high != b.high ? a.high < b.high : a.low < b.low;
}

// At least what {"session":…,"user":…,"info":…} and a comma take.
[[nodiscard]] std::size_t member_json_bytes_max(const Member& member) noexcept;

// Most channels have one member, and most idle connections one such channel: a list is two words, and one
// block while its members are few, with no room to spare for a single one. Many live in a tree.
class MemberList {
 public:
  MemberList() noexcept = default;
  MemberList(const MemberList&) = delete;
  MemberList& operator=(const MemberList&) = delete;
  ~MemberList() { release(); }

  // False: the session is a member already, as it was.
  bool add(Member member);
  void clear() noexcept;
  // False: it is none. `removed`, if given, gets what was known of it.
  bool remove(const SessionId& session, Member* removed = nullptr);

  [[nodiscard]] std::size_t size() const noexcept;
  [[nodiscard]] bool empty() const noexcept { return size() == 0; }
  [[nodiscard]] bool contains(const SessionId& session) const noexcept;
  // Appends the members behind `after` (null: from the first), in order, as many as fit `bytes_max` by
  // member_json_bytes_max, but one at least. True: no more follow.
  [[nodiscard]] bool page(const SessionId* after, std::size_t bytes_max, std::vector<Member>& out) const;
  // Of the list itself; identities are shared with other channels and shards.
  [[nodiscard]] std::size_t bytes() const noexcept;

 private:
  struct Many;  // a tree by session
  static constexpr std::uint32_t few_max = 16;
  static constexpr std::uint32_t few_again = 8;  // lower than few_max, so that one that comes and goes changes nothing
  static constexpr std::uint32_t many = ~std::uint32_t{0};

  [[nodiscard]] bool is_many() const noexcept { return few_count_ == many; }
  // The place of the first of few that does not precede `session`.
  [[nodiscard]] std::uint32_t few_place(const SessionId& session) const noexcept;
  void resize_few(std::uint32_t capacity);
  void become_many();
  void become_few();
  void release() noexcept;

  union Storage {
    Storage() noexcept : few(nullptr) {}
    Member* few;  // an array in order of session, owned; null when empty
    Many* many;   // owned when few_count_ says so
  } storage_;
  std::uint32_t few_count_ = 0;
  std::uint32_t few_capacity_ = 0;
};

static_assert(sizeof(MemberList) <= 16);

}  // namespace crier::hub
