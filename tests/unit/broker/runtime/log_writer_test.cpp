#include "broker/runtime/log_writer.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace crier::runtime {
namespace {

using std::chrono::seconds;
constexpr seconds patience{60};

std::string notice(std::uint64_t lines) {
  return "missing " + std::to_string(lines) + "\n";
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

class LogWriterTest : public ::testing::Test {
 protected:
  LogWriterTest() { EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0); }
  ~LogWriterTest() override {
    close_reader();
    ::close(ends[1]);  // the writer's thread is done, or is told EBADF
  }
  void close_reader() {
    if (ends[0] >= 0) ::close(ends[0]);
    ends[0] = -1;
  }
  // What comes until `bytes_max` or the end of what is there.
  std::string read(std::size_t bytes_max = 1U << 20U) {
    std::string text(bytes_max, '\0');
    const ssize_t got = ::read(ends[0], text.data(), text.size());
    text.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    return text;
  }
  // Reads on until `ending` has come.
  std::string read_until(std::string_view ending) {
    std::string text;
    while (!text.ends_with(ending)) {
      const std::string more = read();
      if (more.empty()) break;
      text += more;
    }
    return text;
  }
  std::array<int, 2> ends{-1, -1};
};

TEST_F(LogWriterTest, Writes_lines_in_their_order) {
  LogWriter writer(ends[1], 1000, {notice});
  writer.push("one\n");
  writer.push("two\n");
  EXPECT_TRUE(writer.finish(patience));
  EXPECT_EQ(read(), "one\ntwo\n");
  EXPECT_EQ(writer.discarded(), 0U);
}

TEST_F(LogWriterTest, Discards_what_finds_the_queue_full_without_waiting_and_tells_where_lines_are_missing) {
  LogWriter writer(ends[1], 20'000, {notice});
  const std::string line(999, 'x');
  constexpr std::uint64_t count = 1000;  // more than pipe and queue hold together
  for (std::uint64_t i = 0; i < count; ++i) writer.push(line + "\n");
  const std::uint64_t missing = writer.discarded();
  EXPECT_GT(missing, 0U);
  // Where the thread was slow the first of them are told alone.
  std::uint64_t told = 0;
  std::uint64_t lines = 0;
  while (told < missing) {
    for (const std::string& one : lines_of(read_until("\n"))) {
      const bool tells = one.starts_with("missing ");
      told += tells ? std::stoull(one.substr(8)) : 0;
      lines += tells ? 0 : 1;
    }
  }
  EXPECT_EQ(told, missing);
  EXPECT_EQ(lines, count - missing);
  writer.push("again\n");
  EXPECT_EQ(read_until("again\n"), "again\n");
  EXPECT_TRUE(writer.finish(patience));
}

TEST_F(LogWriterTest, Ends_in_time_although_nobody_reads) {
  LogWriter writer(ends[1], 1U << 20U, {notice});
  for (unsigned i = 0; i < 500; ++i) writer.push(std::string(999, 'x') + "\n");
  EXPECT_FALSE(writer.finish(std::chrono::milliseconds{20}));
  writer.push("too late\n");
  EXPECT_EQ(writer.discarded(), 1U);
  close_reader();  // lets the thread go
  EXPECT_TRUE(writer.finish(patience));
}

TEST_F(LogWriterTest, Outlives_a_reader_that_is_gone_and_counts_what_it_misses) {
  LogWriter writer(ends[1], 1000, {notice});
  close_reader();
  writer.push("nobody reads this\n");
  EXPECT_TRUE(writer.finish(patience));
  EXPECT_EQ(writer.discarded(), 1U);
}

TEST_F(LogWriterTest, Waits_for_a_pipe_that_somebody_made_non_blocking) {
  ASSERT_EQ(::fcntl(ends[1], F_SETFL, O_NONBLOCK), 0);
  LogWriter writer(ends[1], 1U << 20U, {notice});
  for (unsigned i = 0; i < 200; ++i) writer.push(std::string(999, 'x') + "\n");
  writer.push("end\n");
  const std::string text = read_until("end\n");
  EXPECT_EQ(text.size(), 200'004U);
  EXPECT_TRUE(writer.finish(patience));
}

TEST(LogWriter, Says_where_lines_are_missing_once_a_full_disk_has_room_again) {
  const int full = ::open("/dev/full", O_WRONLY | O_CLOEXEC);
  ASSERT_GE(full, 0);
  LogWriter writer(full, 1000, {notice});
  writer.push("one\n");
  writer.push("two\n");
  while (writer.discarded() < 2) std::this_thread::yield();
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  ASSERT_GE(::dup2(ends[1], full), 0);  // there is room now
  writer.push("three\n");
  EXPECT_TRUE(writer.finish(patience));
  std::array<char, 100> text{};
  const ssize_t got = ::read(ends[0], text.data(), text.size());
  const std::string said(text.data(), static_cast<std::size_t>(got));
  EXPECT_NE(said.find("three\n"), std::string::npos) << said;
  EXPECT_NE(said.find("missing 2\n"), std::string::npos) << said;
  for (const int descriptor : {full, ends[0], ends[1]}) ::close(descriptor);
}

TEST_F(LogWriterTest, Calls_its_upkeep_from_time_to_time) {
  std::atomic<unsigned> calls{0};
  LogWriter writer(ends[1], 1000, {notice, [&] {
                                     ++calls;
                                     calls.notify_one();
                                   }});
  calls.wait(0);
  EXPECT_TRUE(writer.finish(patience));
}

}  // namespace
}  // namespace crier::runtime
