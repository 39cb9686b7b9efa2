#include "broker/state/directory.hpp"

#include <unistd.h>

#include "tests/unit/broker/state/temporary_directory.hpp"

namespace crier::state {
namespace {

class DirectoryTest : public ::testing::Test {
 protected:
  Directory open() {
    auto directory = Directory::open(files_.path());
    EXPECT_TRUE(directory) << directory.error();
    return std::move(*directory);
  }
  TemporaryDirectory files_;
};

TEST_F(DirectoryTest, Creates_no_file_in_the_place_of_another_one_nor_through_a_link) {
  const Directory directory = open();
  TemporaryDirectory::write(files_.path("there"), "precious");
  ASSERT_EQ(::symlink(files_.outside("new").c_str(), files_.path("link").c_str()), 0);
  for (const std::string name : {"there", "link"}) {
    const auto file = directory.create(name);
    ASSERT_FALSE(file);
    EXPECT_EQ(file.error(), "cannot create " + files_.path(name) + ": File exists");
  }
  EXPECT_EQ(TemporaryDirectory::content(files_.path("there")), "precious");
  EXPECT_FALSE(std::filesystem::exists(files_.outside("new")));
}

TEST_F(DirectoryTest, Stays_where_it_is_when_the_path_to_it_is_turned_elsewhere) {
  const Directory directory = open();
  std::filesystem::rename(files_.path(), files_.outside("moved"));
  std::filesystem::create_directory(files_.path());
  auto file = directory.create("a");
  ASSERT_TRUE(file) << file.error();
  file->append("here");
  EXPECT_FALSE(file->finish());
  EXPECT_EQ(TemporaryDirectory::content(files_.outside("moved/a")), "here");
  EXPECT_TRUE(files_.names().empty());
}

TEST_F(DirectoryTest, Removes_what_is_not_there_without_a_word) {
  EXPECT_FALSE(open().remove("nothing"));
}

TEST_F(DirectoryTest, Lists_by_the_beginning_of_a_name_in_order) {
  const Directory directory = open();
  for (const char* name : {"b2", "a", "b1", "c"}) TemporaryDirectory::write(files_.path(name), "");
  EXPECT_EQ(directory.names_with("b"), (std::vector<std::string>{"b1", "b2"}));
  EXPECT_EQ(directory.names_with("b").size(), 2U);  // and again
}

}  // namespace
}  // namespace crier::state
