#pragma once

#include <span>
#include <string_view>

namespace crier::net {

// One file of the demo page, embedded at build; views of constants, so they live as long as the process.
struct Asset {
  std::string_view path;          // as in the request line, "/demo.css"
  std::string_view content_type;  // with charset
  std::string_view bytes;
};

// The whole page: "/", "/demo.css", and its scripts, among them the JavaScript library ("/crier.js"). No inline script
// or style and no foreign resource, so it runs under default-src 'none'; script-src 'self'; style-src 'self';
// connect-src 'self' ws: wss:; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'.
// Any thread.
[[nodiscard]] std::span<const Asset> demo_assets() noexcept;

// The one at that path, or nullptr.
[[nodiscard]] inline const Asset* find_asset(std::string_view path) noexcept {
  for (const Asset& asset : demo_assets()) {
    if (asset.path == path) return &asset;
  }
  return nullptr;
}

}  // namespace crier::net
