// What the text of a setting, or of an item of its list, may be.
#pragma once

#include <optional>
#include <string_view>

#include "broker/config/setting.hpp"

namespace crier::config {

[[nodiscard]] std::optional<Objection> judge_address(std::string_view text);
[[nodiscard]] std::optional<Objection> judge_host_name(std::string_view text);
[[nodiscard]] std::optional<Objection> judge_path(std::string_view text);
[[nodiscard]] std::optional<Objection> judge_origin(std::string_view text);
[[nodiscard]] std::optional<Objection> judge_directory(std::string_view text);  // "": none

}  // namespace crier::config
