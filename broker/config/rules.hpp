// What the text of a setting, or of an item of its list, may be.
#pragma once

#include <optional>
#include <string_view>

#include "broker/config/setting.hpp"

namespace crier::config {

[[nodiscard]] std::optional<Objection> judge_address(std::string_view text);
[[nodiscard]] std::optional<Objection> judge_listen_address(std::string_view text);  // or unix:/path
[[nodiscard]] std::optional<Objection> judge_network(std::string_view text);
[[nodiscard]] std::optional<Objection> judge_host_name(std::string_view text);
[[nodiscard]] std::optional<Objection> judge_path(std::string_view text);
[[nodiscard]] std::optional<Objection> judge_origin(std::string_view text);
[[nodiscard]] std::optional<Objection> judge_directory(std::string_view text);  // "": none
[[nodiscard]] std::optional<Objection> judge_file(std::string_view text);       // "": none
[[nodiscard]] bool looks_like_key(std::string_view text);  // PEM or JSON, in the place of its file's name
[[nodiscard]] std::optional<Objection> judge_needed_file(std::string_view text);
[[nodiscard]] std::optional<Objection> judge_certificate_name(std::string_view text);  // "*." for one label
[[nodiscard]] std::optional<Objection> judge_service_name(std::string_view text);
[[nodiscard]] std::optional<Objection> judge_digest(std::string_view text);  // SHA-256 in hex
[[nodiscard]] std::optional<Objection> judge_secret(std::string_view text);  // not the mask
[[nodiscard]] std::optional<Objection> judge_claim(std::string_view text);   // "": any
[[nodiscard]] std::optional<Objection> judge_grant(std::string_view text);   // a channel or a pattern

}  // namespace crier::config
