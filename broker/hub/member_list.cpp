#include "broker/hub/member_list.hpp"

#include <algorithm>
#include <bit>
#include <set>
#include <string_view>
#include <utility>

#include "protocol/base/check.hpp"

namespace crier::hub {

namespace {

struct BySession {
  using is_transparent = void;
  [[nodiscard]] bool operator()(const Member& a, const Member& b) const noexcept {
    return precedes(a.session, b.session);
  }
  [[nodiscard]] bool operator()(const Member& a, const SessionId& b) const noexcept { return precedes(a.session, b); }
  [[nodiscard]] bool operator()(const SessionId& a, const Member& b) const noexcept { return precedes(a, b.session); }
};

constexpr std::size_t block_overhead = sizeof(void*);  // the allocator's share of each block
// A node of the tree: the member, three links and a colour.
constexpr std::size_t node_bytes = sizeof(Member) + 4 * sizeof(void*) + block_overhead;

// Appends members until one does not fit; the first always does.
template <class Iterator>
bool take_page(Iterator next, Iterator end, std::size_t bytes_max, std::vector<Member>& out) {
  std::size_t bytes = 0;
  for (bool first = true; next != end; ++next, first = false) {
    bytes += member_json_bytes_max(*next);
    if (!first && bytes > bytes_max) return false;
    out.push_back(*next);
  }
  return true;
}

}  // namespace

std::size_t member_json_bytes_max(const Member& member) noexcept {
  constexpr std::string_view frame = R"({"session":"0123456789abcdef0123456789abcdef"},)";
  if (!member.identity) return frame.size();
  constexpr std::string_view fields = R"(,"user":"","info":)";
  std::size_t bytes = frame.size() + fields.size() + member.identity->info_json.size();
  for (const char c : member.identity->user) {
    const bool plain = c >= ' ' && c <= '~' && c != '"' && c != '\\';
    const bool ascii = static_cast<unsigned char>(c) < 0x80;
    bytes += plain ? 1 : ascii ? 6 : 3;  // \u00xx, or U+FFFD in place of what is no UTF-8
  }
  return bytes;
}

struct MemberList::Many {
  std::set<Member, BySession> members;
};

bool MemberList::add(Member member) {
  if (is_many()) return storage_.many->members.insert(std::move(member)).second;
  const std::uint32_t place = few_place(member.session);
  if (place < few_count_ && storage_.few[place].session == member.session) return false;
  if (few_count_ == few_max) {
    become_many();
    storage_.many->members.insert(std::move(member));
    return true;
  }
  if (few_count_ == few_capacity_) resize_few(std::bit_ceil(few_count_ + 1));
  Member* const end = storage_.few + few_count_++;
  std::construct_at(end, std::move(member));
  std::rotate(storage_.few + place, end, end + 1);
  return true;
}

bool MemberList::remove(const SessionId& session, Member* removed) {
  if (is_many()) {
    auto& members = storage_.many->members;
    const auto found = members.find(session);
    if (found == members.end()) return false;
    auto node = members.extract(found);
    if (removed != nullptr) *removed = std::move(node.value());
    if (members.size() <= few_again) become_few();
    return true;
  }
  const std::uint32_t place = few_place(session);
  if (place == few_count_ || storage_.few[place].session != session) return false;
  if (removed != nullptr) *removed = std::move(storage_.few[place]);
  Member* const end = storage_.few + few_count_;
  std::move(storage_.few + place + 1, end, storage_.few + place);
  std::destroy_at(storage_.few + --few_count_);
  const std::uint32_t capacity = few_count_ == 0 ? 0 : std::bit_ceil(few_count_);
  if (capacity < few_capacity_) resize_few(capacity);
  return true;
}

std::size_t MemberList::size() const noexcept {
  return is_many() ? storage_.many->members.size() : few_count_;
}

bool MemberList::contains(const SessionId& session) const noexcept {
  if (is_many()) return storage_.many->members.contains(session);
  const std::uint32_t place = few_place(session);
  return place < few_count_ && storage_.few[place].session == session;
}

bool MemberList::page(const SessionId* after, std::size_t bytes_max, std::vector<Member>& out) const {
  if (is_many()) {
    const auto& members = storage_.many->members;
    return take_page(after == nullptr ? members.begin() : members.upper_bound(*after), members.end(), bytes_max, out);
  }
  const Member* const end = storage_.few + few_count_;
  const Member* const first =
      after == nullptr ? storage_.few : std::upper_bound(storage_.few, storage_.few + few_count_, *after, BySession{});
  return take_page(first, end, bytes_max, out);
}

std::size_t MemberList::bytes() const noexcept {
  if (is_many()) return sizeof(Many) + storage_.many->members.size() * node_bytes;
  return few_capacity_ == 0 ? 0 : few_capacity_ * sizeof(Member) + block_overhead;
}

std::uint32_t MemberList::few_place(const SessionId& session) const noexcept {
  std::uint32_t place = 0;
  while (place < few_count_ && precedes(storage_.few[place].session, session)) ++place;
  return place;
}

void MemberList::resize_few(std::uint32_t capacity) {
  CRIER_ASSERT(few_count_ <= capacity);
  // Not new Member[]: the count that it keeps before the first would make a single member's block larger.
  Member* const resized = capacity == 0 ? nullptr : std::allocator<Member>().allocate(capacity);
  const std::uint32_t count = few_count_;
  std::uninitialized_move_n(storage_.few, count, resized);
  release();
  storage_.few = resized;
  few_count_ = count;
  few_capacity_ = capacity;
}

void MemberList::clear() noexcept {
  release();
  storage_.few = nullptr;
  few_count_ = few_capacity_ = 0;
}

void MemberList::become_many() {
  auto tree = std::make_unique<Many>();
  for (std::uint32_t place = 0; place < few_count_; ++place) {
    tree->members.insert(tree->members.end(), std::move(storage_.few[place]));
  }
  release();
  storage_.many = tree.release();
  few_count_ = many;
}

void MemberList::become_few() {
  const std::unique_ptr<Many> tree(storage_.many);
  const auto count = static_cast<std::uint32_t>(tree->members.size());
  storage_.few = nullptr;
  few_count_ = 0;
  resize_few(std::bit_ceil(count));
  while (!tree->members.empty()) {
    auto first = tree->members.extract(tree->members.begin());
    std::construct_at(storage_.few + few_count_++, std::move(first.value()));
  }
}

void MemberList::release() noexcept {
  if (is_many()) {
    const std::unique_ptr<Many> freed(storage_.many);
  } else if (few_capacity_ != 0) {
    std::destroy_n(storage_.few, few_count_);
    std::allocator<Member>().deallocate(storage_.few, few_capacity_);
  }
  storage_.few = nullptr;
  few_count_ = 0;
  few_capacity_ = 0;
}

}  // namespace crier::hub
