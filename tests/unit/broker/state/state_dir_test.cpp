#include "broker/state/state_dir.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/broker/state/support.hpp"
#include "tests/unit/broker/state/temporary_directory.hpp"

namespace crier::state {
namespace {

using Names = std::set<std::string>;

constexpr std::size_t bytes_max = 1024 * 1024;
// 2026-01-31 23:59:59
constexpr std::chrono::system_clock::time_point now{std::chrono::seconds(1769903999)};
const std::string damaged_now = "crier.state.damaged-20260131T235959Z";

class StateDirTest : public ::testing::Test {
 protected:
  StateDir open() {
    auto directory = StateDir::open(files_.path());
    EXPECT_TRUE(directory) << directory.error();
    return std::move(*directory);
  }
  static Taken take(StateDir& directory) {
    auto taken = directory.take(bytes_max, now);
    EXPECT_TRUE(taken) << taken.error();
    EXPECT_FALSE(directory.commit());
    return std::move(*taken);
  }
  static std::string save(StateDir& directory, const SavedState& state) {
    const auto saved = directory.save(state, [&](StateWriter& writer) {
      for (const SavedChannel& channel : state.channels) writer.channel(channel);
    });
    return saved ? "" : saved.error();
  }
  // One life of a broker: what it found, and what it leaves.
  Taken live(const SavedState& leaves) {
    StateDir directory = open();
    Taken taken = take(directory);
    EXPECT_EQ(save(directory, leaves), "");
    return taken;
  }
  // What a start says of a directory in which `crier.state` was prepared.
  std::string note_of_next_start() {
    StateDir directory = open();
    const Taken taken = take(directory);
    EXPECT_FALSE(taken.state);
    return taken.note;
  }

  TemporaryDirectory files_;
};

TEST_F(StateDirTest, Gives_the_next_life_what_the_last_one_left) {
  const Taken first = live(small_state());
  EXPECT_FALSE(first.state);
  EXPECT_EQ(first.note, "");
  const Taken second = live(small_state());
  ASSERT_TRUE(second.state);
  EXPECT_EQ(*second.state, small_state());
  EXPECT_EQ(second.note, "");
  EXPECT_EQ(files_.names(), Names{"crier.state"});
}

TEST_F(StateDirTest, Has_moved_a_state_away_before_anybody_can_use_it) {
  live(small_state());
  StateDir directory = open();
  ASSERT_TRUE(take(directory).state);
  EXPECT_EQ(files_.names(), Names{"crier.state.taken"});
}

// What a process has written for another one, which has the lock too.
class OfferedStateTest : public StateDirTest {
 protected:
  OfferedStateTest() {
    static_cast<void>(take(directory_));
    EXPECT_EQ(save(directory_, small_state()), "");
  }
  StateDir next() {
    auto next = StateDir::adopt(files_.path(), FileDescriptor(::dup(directory_.lock_descriptor())));
    EXPECT_TRUE(next) << next.error();
    return std::move(*next);
  }
  StateDir directory_ = open();
};

TEST_F(OfferedStateTest, Is_the_other_one_s_when_it_commits_and_cannot_be_taken_back_then) {
  StateDir other = next();
  ASSERT_EQ(*other.take_offered(bytes_max), small_state());
  EXPECT_FALSE(other.commit());
  const auto back = directory_.take_back();
  ASSERT_TRUE(back);
  EXPECT_FALSE(*back);
  EXPECT_EQ(files_.names(), Names{"crier.state.taken"});
}

TEST_F(OfferedStateTest, Can_be_taken_back_until_then_and_saved_again) {
  {
    StateDir other = next();
    ASSERT_TRUE(other.take_offered(bytes_max));
    const auto back = directory_.take_back();
    ASSERT_TRUE(back);
    EXPECT_TRUE(*back);
    EXPECT_EQ(other.commit(), "cannot move away " + files_.path("crier.state") + ": No such file or directory");
  }
  EXPECT_FALSE(StateDir::open(files_.path())) << "the lock is still this one's";
  ASSERT_EQ(save(directory_, small_state()), "");
  EXPECT_EQ(files_.names(), Names{"crier.state"});
}

TEST_F(OfferedStateTest, Is_refused_and_left_where_it_is_when_it_is_not_to_be_believed) {
  EXPECT_FALSE(next().take_offered(10));
  ASSERT_EQ(::chmod(files_.path("crier.state").c_str(), 0620), 0);
  EXPECT_FALSE(next().take_offered(bytes_max));
  EXPECT_EQ(files_.names(), Names{"crier.state"});
  std::filesystem::remove(files_.path("crier.state"));
  EXPECT_FALSE(next().take_offered(bytes_max)) << "there must be one";
}

TEST_F(StateDirTest, Leaves_the_state_to_the_next_start_when_a_start_comes_to_nothing) {
  live(small_state());
  {
    StateDir directory = open();
    ASSERT_TRUE(directory.take(bytes_max, now)->state);
  }
  EXPECT_TRUE(live(small_state()).state);
}

TEST_F(StateDirTest, Finds_nothing_after_a_life_that_ended_without_saving_and_says_so) {
  live(small_state());
  {
    ASSERT_TRUE(take(*StateDir::open(files_.path())).state);
  }
  StateDir directory = open();
  const Taken taken = take(directory);
  EXPECT_FALSE(taken.state);
  EXPECT_NE(taken.note.find("did not end in good order"), std::string::npos) << taken.note;
  EXPECT_NE(taken.note.find("new epoch"), std::string::npos);
}

TEST_F(StateDirTest, Replaces_an_older_taken_file_whatever_it_is) {
  live(small_state());
  ASSERT_EQ(::symlink("/nowhere", files_.path("crier.state.taken").c_str()), 0);
  EXPECT_TRUE(live(small_state()).state);
}

TEST_F(StateDirTest, Lets_nobody_else_read_what_it_writes) {
  const mode_t before = ::umask(0);
  live(small_state());
  ::umask(before);
  EXPECT_EQ(TemporaryDirectory::mode(files_.path()), 0700U);
  EXPECT_EQ(TemporaryDirectory::mode(files_.path("crier.state")), 0600U);
  EXPECT_EQ(TemporaryDirectory::mode(files_.path("crier.lock")), 0600U);
}

TEST_F(StateDirTest, Is_for_one_broker_at_a_time) {
  {
    const StateDir first = open();
    const auto second = StateDir::open(files_.path());
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error(), files_.path("crier.lock") + " is locked: another broker uses this directory");
  }
  EXPECT_TRUE(StateDir::open(files_.path()));
}

TEST_F(StateDirTest, Refuses_what_is_no_directory_or_cannot_be_made_one) {
  TemporaryDirectory::write(files_.path(), "");
  const auto file = StateDir::open(files_.path());
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error(), "cannot open " + files_.path() + ": Not a directory");
  const auto orphan = StateDir::open(files_.outside("a/b"));
  ASSERT_FALSE(orphan);
  EXPECT_EQ(orphan.error(), "cannot create " + files_.outside("a/b") + ": No such file or directory");
}

TEST_F(StateDirTest, Refuses_a_directory_that_everybody_may_write) {
  ASSERT_EQ(::mkdir(files_.path().c_str(), 0700), 0);
  ASSERT_EQ(::chmod(files_.path().c_str(), 01777), 0);
  const auto opened = StateDir::open(files_.path());
  ASSERT_FALSE(opened);
  EXPECT_NE(opened.error().find("may be written by everybody"), std::string::npos);
}

TEST_F(StateDirTest, Follows_the_operators_path_through_links) {
  ASSERT_EQ(::mkdir(files_.outside("real").c_str(), 0700), 0);
  ASSERT_EQ(::symlink(files_.outside("real").c_str(), files_.path().c_str()), 0);
  live(small_state());
  EXPECT_TRUE(std::filesystem::exists(files_.outside("real/crier.state")));
}

TEST_F(StateDirTest, Sets_a_damaged_state_aside_and_says_why_and_where) {
  live(small_state());
  const std::string file = TemporaryDirectory::content(files_.path("crier.state"));
  TemporaryDirectory::write(files_.path("crier.state"), file.substr(0, 100));
  EXPECT_EQ(note_of_next_start(),
            "The state in " + files_.path("crier.state") +
                " was not taken up, because it does not end as it should after its 100 bytes: it was cut off, or "
                "something was added; it now lies in " +
                files_.path(damaged_now) +
                ". This start has a new epoch: clients go on from now, and recover nothing from before.");
  EXPECT_EQ(files_.names(), Names{damaged_now});
  EXPECT_EQ(TemporaryDirectory::content(files_.path(damaged_now)), file.substr(0, 100));
}

TEST_F(StateDirTest, Sets_a_newer_versions_state_aside_from_where_it_can_be_put_back) {
  live(small_state());
  std::string file = TemporaryDirectory::content(files_.path("crier.state"));
  file[8] = 2;
  TemporaryDirectory::write(files_.path("crier.state"), file);
  EXPECT_NE(note_of_next_start().find("it has the format's version 2"), std::string::npos);
  EXPECT_EQ(TemporaryDirectory::content(files_.path(damaged_now)), file);
}

TEST_F(StateDirTest, Keeps_the_newest_damaged_states_only_and_always_the_last_one) {
  live(small_state());
  for (int second = 0; second < 20; ++second) {
    TemporaryDirectory::write(files_.path("crier.state"), std::to_string(second));
    StateDir directory = open();
    ASSERT_TRUE(directory.take(bytes_max, now + std::chrono::seconds(second)));
  }
  EXPECT_EQ(files_.names().size(), damaged_files_max);
  EXPECT_EQ(TemporaryDirectory::content(files_.path(*files_.names().begin())), "12");
  EXPECT_EQ(TemporaryDirectory::content(files_.path(*files_.names().rbegin())), "19");
  // Of one second, and of a clock that was set back.
  for (const int day : {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, -20'000}) {
    TemporaryDirectory::write(files_.path("crier.state"), "last");
    StateDir directory = open();
    const auto taken = directory.take(bytes_max, now + std::chrono::hours(24 * day));
    ASSERT_TRUE(taken);
    const std::size_t place = taken->note.find("crier.state.damaged-");
    ASSERT_NE(place, std::string::npos);
    const std::string name = taken->note.substr(place, taken->note.find(". ", place) - place);
    EXPECT_EQ(TemporaryDirectory::content(files_.path(name)), "last") << name;
  }
  EXPECT_EQ(files_.names().size(), damaged_files_max);
}

TEST_F(StateDirTest, Does_not_read_a_state_that_is_longer_than_it_may_be) {
  live(small_state());
  const std::size_t size = TemporaryDirectory::content(files_.path("crier.state")).size();
  {
    StateDir directory = open();
    const auto taken = directory.take(size - 1, now);
    ASSERT_TRUE(taken);
    EXPECT_FALSE(taken->state);
    EXPECT_NE(taken->note.find("it is " + std::to_string(size) + " bytes long, and at most " +
                               std::to_string(size - 1) + " are taken"),
              std::string::npos)
        << taken->note;
  }
  live(small_state());
  StateDir directory = open();
  const auto taken = directory.take(size, now);
  ASSERT_TRUE(taken);
  EXPECT_TRUE(taken->state);
}

TEST_F(StateDirTest, Believes_no_link_even_to_a_good_state) {
  live(small_state());
  std::filesystem::rename(files_.path("crier.state"), files_.outside("elsewhere"));
  ASSERT_EQ(::symlink(files_.outside("elsewhere").c_str(), files_.path("crier.state").c_str()), 0);
  EXPECT_NE(note_of_next_start().find("because it is a symbolic link"), std::string::npos);
  EXPECT_EQ(TemporaryDirectory::content(files_.outside("elsewhere")), written(small_state()));
}

TEST_F(StateDirTest, Writes_through_no_link) {
  live(small_state());
  TemporaryDirectory::write(files_.outside("victim"), "precious");
  for (const char* name : {"crier.state.new", "crier.state.taken"}) {
    ASSERT_EQ(::symlink(files_.outside("victim").c_str(), files_.path(name).c_str()), 0);
  }
  EXPECT_TRUE(live(small_state()).state);
  EXPECT_EQ(TemporaryDirectory::content(files_.outside("victim")), "precious");
  EXPECT_EQ(files_.names(), Names{"crier.state"});
  EXPECT_TRUE(std::filesystem::is_regular_file(std::filesystem::symlink_status(files_.path("crier.state"))));

  std::filesystem::remove(files_.path("crier.lock"));
  ASSERT_EQ(::symlink(files_.outside("victim").c_str(), files_.path("crier.lock").c_str()), 0);
  const auto opened = StateDir::open(files_.path());
  ASSERT_FALSE(opened);
  EXPECT_NE(opened.error().find("cannot open " + files_.path("crier.lock")), std::string::npos);
}

TEST_F(StateDirTest, Sets_aside_what_is_no_file_without_opening_it) {
  live(small_state());
  for (const bool pipe : {true, false}) {
    std::filesystem::remove(files_.path("crier.state"));
    ASSERT_EQ(
        pipe ? ::mkfifo(files_.path("crier.state").c_str(), 0600) : ::mkdir(files_.path("crier.state").c_str(), 0700),
        0);
    TemporaryDirectory::write(files_.path("crier.state.taken"), "of the life before");
    EXPECT_NE(note_of_next_start().find("because it is no regular file"), std::string::npos);
  }
  EXPECT_EQ(files_.names(), (Names{damaged_now, damaged_now + "-1", "crier.state.taken"}));
}

TEST_F(StateDirTest, Does_not_believe_what_others_could_have_written) {
  for (const mode_t mode : {0620U, 0602U}) {
    live(small_state());
    ASSERT_EQ(::chmod(files_.path("crier.state").c_str(), mode), 0);
    EXPECT_NE(note_of_next_start().find("because others than its owner may write it"), std::string::npos);
  }
  live(small_state());
  if (::chown(files_.path("crier.state").c_str(), 12345, 12345) == 0) {  // as root only
    EXPECT_NE(note_of_next_start().find("because it belongs to another user"), std::string::npos);
  }
}

TEST_F(StateDirTest, Removes_what_a_killed_stop_left_half_written) {
  live(small_state());
  TemporaryDirectory::write(files_.path("crier.state.new"), std::string(5000, 'x'));
  EXPECT_TRUE(live(small_state()).state);
  EXPECT_TRUE(live(small_state()).state);
}

TEST_F(StateDirTest, Does_not_save_what_was_never_taken) {
  StateDir directory = open();
  EXPECT_DEATH(static_cast<void>(save(directory, small_state())), "invariant broken");
}

}  // namespace
}  // namespace crier::state
