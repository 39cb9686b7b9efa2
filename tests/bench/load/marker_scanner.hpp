// Finds markers in a stream of message bytes, wherever it is cut.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

#include "tests/bench/load/marker.hpp"

namespace crier::bench {

class MarkerScanner {
 public:
  // Calls on_marker(const Marker&) for each marker and on_payload_end(bool whole) behind its padding;
  // `payload_size` counts both. A template, because it runs once a delivery.
  template <class OnMarker, class OnPayloadEnd>
  void scan(const char* p, std::size_t n, std::size_t payload_size, OnMarker&& on_marker,
            OnPayloadEnd&& on_payload_end) {
    const auto deliver = [&](const char* at) {
      Marker marker;
      if (!read_marker(at, marker)) return false;
      padding_left_ = static_cast<std::uint32_t>(payload_size - marker_size);
      on_marker(marker);
      return true;
    };
    while (n > 0) {
      std::size_t used = 0;
      if (padding_left_ > 0) {
        used = std::min<std::size_t>(padding_left_, n);
        padding_left_ -= static_cast<std::uint32_t>(used);
        if (padding_left_ == 0) on_payload_end(p[used - 1] == payload_end);
      } else if (carried_ > 0) {
        used = std::min(marker_size - carried_, n);
        std::memcpy(carry_.data() + carried_, p, used);
        carried_ = static_cast<std::uint8_t>(carried_ + used);
        if (carried_ < marker_size) return;
        carried_ = 0;
        if (!deliver(carry_.data())) {  // it only looked like one: search what follows its first byte
          std::array<char, marker_size> rest = carry_;
          scan(rest.data() + 1, marker_size - 1, payload_size, on_marker, on_payload_end);
        }
      } else {
        const auto* at = static_cast<const char*>(std::memchr(p, '@', n));
        if (at == nullptr) return;
        used = static_cast<std::size_t>(at - p);
        const std::size_t left = n - used;
        if (left >= marker_size) {
          used += deliver(at) ? marker_size : 1;
        } else if (left >= 2 && at[1] != '@') {
          ++used;
        } else {
          std::memcpy(carry_.data(), at, left);
          carried_ = static_cast<std::uint8_t>(left);
          return;
        }
      }
      p += used;
      n -= used;
    }
  }

 private:
  std::array<char, marker_size> carry_{};  // the beginning of what may be a marker
  std::uint8_t carried_ = 0;
  std::uint32_t padding_left_ = 0;
};

}  // namespace crier::bench
