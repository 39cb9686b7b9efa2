#include "broker/admin/reload_status.hpp"

#include <gtest/gtest.h>
#include <prometheus/text_serializer.h>

#include <string>

namespace crier::admin {
namespace {

TEST(ReloadStatus, Tells_how_often_when_and_whether_the_last_one_was_taken) {
  const std::string text = prometheus::TextSerializer{}.Serialize(
      collect({.succeeded = 3, .failed = 2, .last_success_s = 1'700'000'000, .last_failed = true}));
  for (const char* line :
       {"crier_config_reloads_total{result=\"success\"} 3\n", "crier_config_reloads_total{result=\"failure\"} 2\n",
        "crier_config_last_reload_successful 0\n", "crier_config_last_reload_success_timestamp_seconds 1700000000\n"}) {
    EXPECT_NE(text.find(line), std::string::npos) << line << text;
  }
}

TEST(ReloadStatus, Is_successful_from_the_start) {
  const std::string text = prometheus::TextSerializer{}.Serialize(collect({}));
  EXPECT_NE(text.find("crier_config_last_reload_successful 1\n"), std::string::npos) << text;
}

}  // namespace
}  // namespace crier::admin
