#include "protocol/websocket/close_code.hpp"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>

namespace crier::websocket {
namespace {

TEST(CloseCode, Is_valid_on_the_wire_exactly_where_RFC_6455_7_4_says_so) {
  const std::set<unsigned> below_3000 = {1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014};
  for (unsigned code = 0; code <= 0xFFFF; ++code) {
    const bool expected = below_3000.contains(code) || (code >= 3000 && code < 5000);
    ASSERT_EQ(valid_on_the_wire(static_cast<std::uint16_t>(code)), expected) << code;
  }
}

TEST(CloseCode, Has_a_name_for_each_code_of_the_contract_and_other_for_the_rest) {
  const std::map<unsigned, std::string> names = {
      {1000, "normal"},        {1001, "going_away"},        {1002, "protocol_error"},  {1003, "unsupported_data"},
      {1005, "no_status"},     {1006, "abnormal"},          {1007, "invalid_payload"}, {1008, "policy_violation"},
      {1009, "too_big"},       {1011, "internal_error"},    {1012, "service_restart"}, {1013, "try_again_later"},
      {4000, "slow_consumer"}, {4001, "unauthorized"},      {4002, "token_expired"},   {4003, "disconnected"},
      {4004, "rate_limited"},  {4005, "heartbeat_timeout"},
  };
  for (unsigned code = 0; code <= 5000; ++code) {
    const auto named = names.find(code);
    ASSERT_EQ(to_string(static_cast<CloseCode>(code)), named == names.end() ? "other" : named->second) << code;
  }
}

TEST(CloseCode, Is_final_for_clients_exactly_where_the_contract_lists_it) {
  const std::set<unsigned> final_codes = {1002, 1003, 1007, 1008, 1009, 4001, 4003};
  for (unsigned code = 0; code <= 5000; ++code) {
    ASSERT_EQ(final_for_clients(static_cast<CloseCode>(code)), final_codes.contains(code)) << code;
  }
}

}  // namespace
}  // namespace crier::websocket
