// Nothing that differs from what was written is believed, not even in part.
#include <gtest/gtest.h>

#include <functional>

#include "tests/unit/broker/state/support.hpp"

namespace crier::state {
namespace {

std::string refusal(std::string_view file) {
  const auto read = read_state(file);
  EXPECT_FALSE(read);
  return read ? "" : read.error();
}

// What the reader says of a file with right length and checksum that breaks a rule.
std::string refusal_of(const std::function<void(SavedState&)>& spoil) {
  SavedState state = small_state();
  spoil(state);
  return refusal(file_of(state));
}

TEST(StateRefusal, Refuses_a_file_in_which_any_one_byte_was_changed) {
  const std::string file = written(small_state());
  for (std::size_t at = 0; at < file.size(); ++at) {
    for (const char mask : {'\x01', '\x80', '\xFF'}) {
      std::string changed = file;
      changed[at] = static_cast<char>(changed[at] ^ mask);
      ASSERT_FALSE(read_state(changed)) << "byte " << at;
    }
  }
}

TEST(StateRefusal, Refuses_a_file_that_was_cut_anywhere) {
  const std::string file = written(small_state());
  for (std::size_t bytes = 0; bytes < file.size(); ++bytes) {
    const std::string said = refusal(file.substr(0, bytes));
    ASSERT_NE(said.find("after its " + std::to_string(bytes) + " bytes"), std::string::npos) << said;
  }
}

// With the checksum of what is left, as if somebody had meant it: the records have to notice.
TEST(StateRefusal, Refuses_records_that_were_cut_anywhere_under_a_right_checksum) {
  const std::string records = records_of(small_state());
  for (std::size_t bytes = 12; bytes < records.size(); ++bytes) {
    ASSERT_FALSE(read_state(ended(records.substr(0, bytes), 1))) << bytes;
  }
}

TEST(StateRefusal, Either_refuses_records_with_a_changed_byte_or_takes_exactly_what_they_say) {
  const std::string records = records_of(small_state());
  std::size_t taken = 0;
  for (std::size_t at = 12; at < records.size(); ++at) {
    for (int value = 0; value < 256; ++value) {
      std::string changed = records;
      changed[at] = static_cast<char>(value);
      const std::string file = ended(changed, 1);
      const auto read = read_state(file);
      if (!read) continue;
      ++taken;
      ASSERT_EQ(written(*read), file) << "byte " << at;
    }
  }
  EXPECT_GT(taken, 1000U);
}

TEST(StateRefusal, Refuses_a_file_to_which_something_was_added) {
  EXPECT_NE(refusal(written(small_state()) + "x").find("something was added"), std::string::npos);
  EXPECT_FALSE(read_state(written(small_state()) + written(small_state())));
}

TEST(StateRefusal, Says_that_a_foreign_file_is_foreign) {
  EXPECT_EQ(refusal("{\"state\":1}"), "it is no state file of Crier's");
  EXPECT_EQ(refusal(std::string(5000, '\0')), "it is no state file of Crier's");
}

TEST(StateRefusal, Says_the_number_of_a_version_that_it_does_not_know_whatever_follows) {
  for (const char version : {'\0', '\2', '\7'}) {
    std::string file = written(small_state()).substr(0, 30);
    file[8] = version;
    EXPECT_EQ(refusal(file),
              "it has the format's version " + std::to_string(version) + ", and this broker reads version 1");
  }
}

TEST(StateRefusal, Names_the_rule_that_the_head_breaks) {
  EXPECT_EQ(refusal_of([](auto& s) { s.epoch = ""; }), "byte 12: an epoch must be 1 to 16 letters and digits");
  EXPECT_NE(refusal_of([](auto& s) { s.epoch = "12345678901234567"; }).find("an epoch must"), std::string::npos);
  EXPECT_NE(refusal_of([](auto& s) { s.epoch = "a:b"; }).find("an epoch must"), std::string::npos);
  EXPECT_NE(refusal_of([](auto& s) { s.sequence = offset_max + 1; }).find("63 bits"), std::string::npos);
  EXPECT_NE(refusal_of([](auto& s) { s.floor = 13; }).find("must not be above the sequence"), std::string::npos);
}

TEST(StateRefusal, Names_the_rule_that_a_channel_breaks) {
  const auto said = [](auto spoil) { return refusal_of([&](SavedState& s) { spoil(s.channels[0]); }); };
  EXPECT_EQ(said([](auto& c) { c.name = ""; }), "byte 34: a channel's name must be 1 to 255 bytes long, has 0");
  EXPECT_NE(said([](auto& c) { c.name = "a b"; }).find("a channel's name has a space"), std::string::npos);
  EXPECT_NE(said([](auto& c) { c.name = "a.*"; }).find("wildcard"), std::string::npos);
  EXPECT_NE(said([](auto& c) { c.top = 13; }).find("top must not be above the sequence"), std::string::npos);
  EXPECT_NE(said([](auto& c) {
              c.floor = 13;
              c.messages.clear();
            }).find("floor must not be above the sequence"),
            std::string::npos);
  EXPECT_NE(refusal_of([](auto& s) { s.channels.push_back(s.channels[0]); }).find("found it twice"), std::string::npos);
}

TEST(StateRefusal, Names_the_rule_that_a_message_breaks) {
  const auto said = [](auto spoil) { return refusal_of([&](SavedState& s) { spoil(s.channels[0].messages); }); };
  EXPECT_EQ(said([](auto& m) { m[0].offset = 4; }), "byte 69: a message's offset must be above its channel's floor");
  EXPECT_NE(said([](auto& m) { m[1].offset = 10; }).find("not be above its channel's top"), std::string::npos);
  EXPECT_NE(said([](auto& m) { m[1].offset = 5; }).find("offsets of a channel's messages must grow"),
            std::string::npos);
  EXPECT_NE(said([](auto& m) { m[1].number = 2; }).find("numbers of a channel's messages must grow"),
            std::string::npos);
  EXPECT_NE(said([](auto& m) { m[1].number = 7; }).find("top number"), std::string::npos);
  EXPECT_NE(said([](auto& m) { m[0].time_ms = -1; }).find("time must be"), std::string::npos);
  EXPECT_NE(said([](auto& m) { m[0].time_ms = time_ms_max + 1; }).find("time must be"), std::string::npos);
  EXPECT_NE(said([](auto& m) { m[0].expires_ms = -1; }).find("end of life"), std::string::npos);
  EXPECT_NE(said([](auto& m) { m[0].encoding = static_cast<command::Encoding>(2); }).find("encoding must be 0"),
            std::string::npos);
}

TEST(StateRefusal, Names_what_is_wrong_with_a_messages_data_and_where) {
  const auto json = [](std::string data) {
    return refusal_of([&](SavedState& s) { s.channels[0].messages[0].data_json = std::move(data); });
  };
  EXPECT_EQ(json(""), "byte 108: a message's data must be JSON: expected a value");
  EXPECT_EQ(json("[1,]"), "byte 111: a message's data must be JSON: expected a value");
  EXPECT_EQ(json("{} {}"), "byte 111: a message's data must be JSON: expected the end of the message");
  EXPECT_EQ(json(" 1"), "byte 108: a message's data must have no white space around it");
  EXPECT_EQ(json("1\n"), "byte 108: a message's data must have no white space around it");
  EXPECT_EQ(json("\"\xC3\""), "byte 108: a message's data must be UTF-8");
  EXPECT_EQ(json("\"\\ud800\""),
            "byte 115: a message's data must be JSON: expected the second half of a surrogate pair ('\\uDC00' to "
            "'\\uDFFF')");
}

TEST(StateRefusal, Takes_as_base64_what_encodes_to_itself_only) {
  const auto taken = [](std::string data) {
    SavedState state = small_state();
    state.channels[0].messages[1].data_json = std::move(data);
    return static_cast<bool>(read_state(file_of(state)));
  };
  const std::string long_text(4096, 'A');
  EXPECT_TRUE(taken(R"("")"));
  EXPECT_TRUE(taken(R"("QUI=")"));
  EXPECT_TRUE(taken('"' + long_text + "QUI=\""));
  EXPECT_TRUE(taken('"' + long_text + '"'));
  for (const std::string bad :
       {"1", "[\"QUI=\"]", "\"QUI\"", "\"QUJ=\"", "\"QR==\"", "\"Q===\"", "\"====\"", "\"QU I\"", "\" QUI\"",
        "\"QUI \"", "\"QU=I\"", "\"QU\\/I\"", "\"QU-_\"", "\"QQ==QUI=\""}) {
    EXPECT_FALSE(taken(bad)) << bad;
  }
  EXPECT_FALSE(taken('"' + long_text.substr(4) + "QUI=" + long_text + '"'));
}

TEST(StateRefusal, Names_the_rule_that_an_idempotency_key_breaks) {
  const auto said = [](auto spoil) { return refusal_of([&](SavedState& s) { spoil(s.channels[0].keys); }); };
  EXPECT_NE(said([](auto& k) { k[0].scope = std::string(scope_bytes_max + 1, 's'); }).find("scope"), std::string::npos);
  EXPECT_NE(said([](auto& k) { k[0].offset = 0; }).find("must not be 0"), std::string::npos);
  EXPECT_NE(said([](auto& k) { k[0].offset = 10; }).find("not be above its channel's top"), std::string::npos);
  EXPECT_NE(said([](auto& k) { k[0].expires_ms = -1; }).find("end of life"), std::string::npos);
  EXPECT_NE(said([](auto& k) {
              k.push_back({"bob", "k1", 5, 0});
              k.push_back(k[0]);
            }).find("an idempotency key once"),
            std::string::npos);
}

TEST(StateRefusal, Refuses_a_count_that_what_is_left_cannot_hold_before_it_takes_memory) {
  std::string records = records_of(small_state());
  // The number of messages stands behind the head (12 + 5 + 16) and the channel's (1 + 7 + 24).
  records.replace(65, 4, "\xFF\xFF\xFF\xFF");
  EXPECT_NE(refusal(ended(records, 1)).find("byte 65: expected at most 3 records in what is left, found 4294967295"),
            std::string::npos)
      << refusal(ended(records, 1));
}

TEST(StateRefusal, Refuses_an_end_that_counts_other_channels_or_comes_too_early) {
  const std::string records = records_of(small_state());
  EXPECT_NE(refusal(ended(records, 2)).find("expected the number of channels, 1, found 2"), std::string::npos);
  std::string with_end_inside = records;
  with_end_inside += 'E';
  put(with_end_inside, std::uint64_t{1});
  put(with_end_inside, std::uint64_t{0});
  EXPECT_NE(refusal(ended(with_end_inside, 1)).find("expected the checksum"), std::string::npos);
  EXPECT_NE(refusal(ended(records + "X", 1)).find("expected a channel or the end"), std::string::npos);
}

}  // namespace
}  // namespace crier::state
