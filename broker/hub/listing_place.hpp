// Where a walk through all channels stands.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "broker/hub/reply_tag.hpp"

namespace crier::hub {

struct ListingPlace {
  ShardId home = 0;
  std::uint64_t place = 0;  // see NameTable::visit_from

  // As a cursor, which means something to this process alone: it knows the seed of the channels' hashes.
  [[nodiscard]] std::string text() const;
  // None: not one of this process with that many shards.
  [[nodiscard]] static std::optional<ListingPlace> parse(std::string_view text, ShardId shard_count);

  friend bool operator==(const ListingPlace&, const ListingPlace&) = default;
};

}  // namespace crier::hub
