// Another library's verdict on a JSON text, to hold ours against.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

namespace crier::testing {

// nlohmann::json::sax_parse(text, &judge) gives the verdict; the members tell why it may be another than ours: it
// counts no levels and refuses numbers beyond a double's range. (It also skips a byte order mark, and ends
// the text at a NUL.)
class JsonJudge : public nlohmann::json_sax<nlohmann::json> {
 public:
  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(std::int64_t) override { return true; }
  bool number_unsigned(std::uint64_t) override { return true; }
  bool number_float(double, const std::string&) override { return true; }
  bool string(std::string&) override { return true; }
  bool binary(nlohmann::json::binary_t&) override { return true; }
  bool start_object(std::size_t) override { return down(); }
  bool key(std::string&) override { return true; }
  bool end_object() override { return up(); }
  bool start_array(std::size_t) override { return down(); }
  bool end_array() override { return up(); }
  bool parse_error(std::size_t, const std::string&, const nlohmann::json::exception& fault) override {
    constexpr int out_of_range = 406;
    overflow = fault.id == out_of_range;
    return false;
  }

  std::size_t deepest = 0;
  bool overflow = false;

 private:
  bool down() {
    deepest = std::max(deepest, ++depth_);
    return true;
  }
  bool up() {
    --depth_;
    return true;
  }

  std::size_t depth_ = 0;
};

}  // namespace crier::testing
