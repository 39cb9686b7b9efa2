// CRIER_ASSERT: a broken invariant of our own. It stays on in release builds, because a broker that
// continues with a broken invariant loses or invents messages. A peer's mistake is never an assertion.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace crier {

[[noreturn]] inline void assertion_failed(const char* condition, const char* file, int line) noexcept {
  std::fprintf(stderr, "crier: invariant broken: %s (%s:%d)\n", condition, file, line);
  std::abort();
}

// Builds one visitor out of lambdas, so that std::visit handles a variant exhaustively.
template <class... Handlers>
struct Overloaded : Handlers... {
  using Handlers::operator()...;
};
template <class... Handlers>
Overloaded(Handlers...) -> Overloaded<Handlers...>;

}  // namespace crier

// NOLINTNEXTLINE(cppcoreguidelines-macro-usage): the condition's text and place need the preprocessor.
#define CRIER_ASSERT(condition) \
  (static_cast<bool>(condition) ? static_cast<void>(0) : ::crier::assertion_failed(#condition, __FILE__, __LINE__))
