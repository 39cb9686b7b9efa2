// The state directory when the system fails or ends the broker in the middle: what the next start finds.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cerrno>
#include <csignal>

#include "broker/state/state_dir.hpp"
#include "tests/unit/broker/state/failing_system.hpp"
#include "tests/unit/broker/state/support.hpp"
#include "tests/unit/broker/state/temporary_directory.hpp"

namespace crier::state {
namespace {

using Names = std::set<std::string>;

constexpr std::size_t bytes_max = 1024 * 1024;

class StateCrashTest : public ::testing::Test {
 protected:
  // A graceful life before the one in question.
  void SetUp() override {
    auto directory = StateDir::open(files_.path());
    ASSERT_TRUE(directory) << directory.error();
    ASSERT_TRUE(directory->take(bytes_max));
    ASSERT_FALSE(directory->commit());
    ASSERT_EQ(save(*directory), "");
    ASSERT_EQ(files_.names(), Names{"crier.state"});
  }
  static std::string save(StateDir& directory) {
    const SavedState state = small_state();
    const auto saved = directory.save(state, [&](StateWriter& writer) { writer.channel(state.channels[0]); });
    return saved ? "" : saved.error();
  }
  // A start where the calls fail: what take() and commit() answer.
  Outcome take_with(const std::vector<long>& calls, int reason) {
    return in_child([&]() -> std::string {
      auto directory = StateDir::open(files_.path());
      if (!directory) return directory.error();
      fail_at(calls, reason);
      const auto taken = directory->take(bytes_max);
      if (!taken) return "error: " + taken.error();
      if (const auto fault = directory->commit()) return "error: " + *fault;
      return taken->state ? "state" : taken->note;
    });
  }
  // A start that goes well, and a stop where the calls fail: what save() answers.
  Outcome save_with(const std::vector<long>& calls, int reason) {
    return in_child([&]() -> std::string {
      auto directory = StateDir::open(files_.path());
      if (!directory) return directory.error();
      if (const auto taken = directory->take(bytes_max); !taken || !taken->state) return "no state to begin with";
      if (directory->commit()) return "it was not ours";
      fail_at(calls, reason);
      return save(*directory);
    });
  }
  bool next_start_finds_a_state() {
    auto directory = StateDir::open(files_.path());
    EXPECT_TRUE(directory) << directory.error();
    const auto taken = directory->take(bytes_max);
    EXPECT_TRUE(taken) << taken.error();
    EXPECT_FALSE(directory->commit());
    EXPECT_EQ(save(*directory), "");
    return taken->state.has_value();
  }

  TemporaryDirectory files_;
};

TEST_F(StateCrashTest, Leaves_the_state_to_the_next_start_when_it_dies_while_reading_it) {
  EXPECT_TRUE(take_with({SYS_read}, end_of_process).killed);
  EXPECT_EQ(files_.names(), Names{"crier.state"});
  EXPECT_TRUE(next_start_finds_a_state());
}

TEST_F(StateCrashTest, Leaves_no_state_behind_when_it_dies_after_it_has_moved_it) {
  EXPECT_TRUE(take_with({SYS_fsync}, end_of_process).killed);
  EXPECT_EQ(files_.names(), Names{"crier.state.taken"});
  EXPECT_FALSE(next_start_finds_a_state());
  EXPECT_TRUE(next_start_finds_a_state());
}

TEST_F(StateCrashTest, Leaves_the_state_to_the_next_start_when_it_dies_before_moving_it) {
  EXPECT_TRUE(take_with(rename_calls, end_of_process).killed);
  EXPECT_EQ(files_.names(), Names{"crier.state"});
  EXPECT_TRUE(next_start_finds_a_state());
}

TEST_F(StateCrashTest, Does_not_start_with_a_state_that_it_cannot_move_away) {
  EXPECT_EQ(take_with(rename_calls, EACCES).said,
            "error: cannot move away " + files_.path("crier.state") + ": Permission denied");
  EXPECT_EQ(files_.names(), Names{"crier.state"});
}

TEST_F(StateCrashTest, Does_not_start_with_a_state_of_which_it_is_not_sure_that_it_is_away) {
  EXPECT_EQ(take_with({SYS_fsync}, EIO).said, "error: cannot sync " + files_.path() + ": Input/output error");
}

TEST_F(StateCrashTest, Starts_without_a_state_that_cannot_be_read_and_sets_it_aside) {
  const Outcome outcome = take_with({SYS_read}, EIO);
  EXPECT_NE(outcome.said.find("cannot read " + files_.path("crier.state") + ": Input/output error"), std::string::npos)
      << outcome.said;
  ASSERT_EQ(files_.names().size(), 1U);
  EXPECT_TRUE(files_.names().begin()->starts_with("crier.state.damaged-"));
}

TEST_F(StateCrashTest, Says_what_failed_when_a_state_cannot_be_saved_and_keeps_the_older_one) {
  const std::string file = files_.path("crier.state.new");
  const struct {
    std::vector<long> calls;
    int reason;
    std::string said;
  } failures[] = {
      {{SYS_openat}, ENOSPC, "cannot create " + file + ": No space left on device"},
      {{SYS_write}, ENOSPC, "cannot write " + file + ": No space left on device"},
      {{SYS_fsync}, EIO, "cannot sync " + file + ": Input/output error"},
      {{SYS_close}, EDQUOT, "cannot close " + file + ": Disk quota exceeded"},
      {rename_calls, EROFS, "cannot move away " + file + ": Read-only file system"},
  };
  for (const auto& failure : failures) {
    const Outcome outcome = save_with(failure.calls, failure.reason);
    EXPECT_EQ(outcome.said, failure.said) << outcome.exit_code;
    EXPECT_EQ(files_.names(), Names{"crier.state.taken"}) << failure.said;
    EXPECT_EQ(TemporaryDirectory::content(files_.path("crier.state.taken")), written(small_state()));
    EXPECT_FALSE(next_start_finds_a_state());
  }
}

TEST_F(StateCrashTest, Does_not_call_a_state_saved_before_its_name_is_on_the_disk) {
  const Outcome outcome = in_child([&]() -> std::string {
    auto directory = StateDir::open(files_.path());
    if (!directory || !directory->take(bytes_max) || directory->commit()) return "no state to begin with";
    fail_at({SYS_fsync}, EIO, descriptor_of(files_.path()));
    return save(*directory);
  });
  EXPECT_EQ(outcome.said, "cannot sync " + files_.path() + ": Input/output error");
  EXPECT_EQ(files_.names(), (Names{"crier.state", "crier.state.taken"}));
}

TEST_F(StateCrashTest, Leaves_no_half_written_state_to_the_next_start_wherever_a_stop_is_killed) {
  for (const std::vector<long>& calls : {std::vector<long>{SYS_write}, {SYS_fsync}, rename_calls}) {
    EXPECT_TRUE(save_with(calls, end_of_process).killed);
    EXPECT_EQ(files_.names(), (Names{"crier.state.new", "crier.state.taken"}));
    EXPECT_FALSE(next_start_finds_a_state());
    EXPECT_EQ(files_.names(), Names{"crier.state"});
  }
}

// The soft limit on a file's size, for a while: what is written beyond it fails, and the bytes up to it are
// there, as on a disk that fills up.
class FullDisk {
 public:
  explicit FullDisk(std::size_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    EXPECT_EQ(::getrlimit(RLIMIT_FSIZE, &before_), 0);
    const rlimit tight{bytes, before_.rlim_max};
    EXPECT_EQ(::setrlimit(RLIMIT_FSIZE, &tight), 0);
  }
  FullDisk(const FullDisk&) = delete;
  FullDisk& operator=(const FullDisk&) = delete;
  ~FullDisk() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }

 private:
  void (*handler_)(int);
  rlimit before_{};
};

TEST_F(StateCrashTest, Leaves_nothing_half_written_whenever_the_disk_becomes_full) {
  auto directory = StateDir::open(files_.path());
  ASSERT_TRUE(directory) << directory.error();
  ASSERT_TRUE(directory->take(bytes_max));
  ASSERT_FALSE(directory->commit());
  const std::size_t size = written(small_state()).size();
  for (std::size_t bytes = 0; bytes < size; ++bytes) {
    std::string said;
    {
      const FullDisk full(bytes);
      said = save(*directory);
    }
    ASSERT_EQ(said, "cannot write " + files_.path("crier.state.new") + ": File too large") << bytes;
    ASSERT_EQ(files_.names(), Names{"crier.state.taken"}) << bytes;
  }
  const FullDisk just_enough(size);
  EXPECT_EQ(save(*directory), "");
  EXPECT_EQ(files_.names(), Names{"crier.state"});
}

}  // namespace
}  // namespace crier::state
