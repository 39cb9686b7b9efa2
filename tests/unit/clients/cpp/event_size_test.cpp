#include "clients/cpp/event_size.hpp"

#include <gtest/gtest.h>

#include <string>

namespace crier::client {
namespace {

TEST(EventSize, Counts_every_member_and_every_text) {
  PresenceChange change;
  change.members.assign(1000, Member{std::string(30, 's'), std::string(40, 'u'), std::string(50, 'i')});
  EXPECT_GE(event_size(change), 1000U * 120);
  Subscribed subscribed;
  subscribed.members = change.members;
  EXPECT_GE(event_size(subscribed), 1000U * 120);
  EXPECT_GE(event_size(SubscriptionEnded{"a", {.message = std::string(1000, 'm')}}), 1000U);
  EXPECT_GE(event_size(StoredMessage{.data = std::string(1000, 'd')}), 1000U);
}

}  // namespace
}  // namespace crier::client
