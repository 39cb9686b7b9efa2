// A client's core between a test and a broker that the test plays.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "clients/cpp/core.hpp"
#include "tests/support/fake_port.hpp"

namespace crier::client {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::FakePort;
using Strings = std::vector<std::string>;

class CoreTest : public ::testing::Test {
 protected:
  void make(Options options = {}) {
    ClientHandlers handlers;
    handlers.on_state = [this](const StateChange& change) { states.push_back(change); };
    handlers.on_error = [this](const Error& error) { errors.push_back(error); };
    core = std::make_unique<Core>(port, std::move(options), std::move(handlers));
    port.core = core.get();
  }
  void connect() {
    core->start();
    port.run();
    port.welcome();
  }
  PublishHandler keep() {
    return [this](const Result<Published>& result) { results.push_back(result); };
  }
  void publish(std::string data, bool retry = false) {
    const auto taken = core->publish({.channel = "news", .data = std::move(data), .retry = retry}, keep());
    ASSERT_TRUE(taken) << taken.error().message;
  }

  FakePort port;
  std::unique_ptr<Core> core;
  std::vector<StateChange> states;
  std::vector<Error> errors;
  std::vector<Result<Published>> results;
};

}  // namespace crier::client
