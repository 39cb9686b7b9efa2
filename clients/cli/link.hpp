// Where a command connects to and as whom: the options and variables that all client commands share.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "broker/tools/options.hpp"
#include "protocol/base/result.hpp"

namespace crier::cli {

inline constexpr std::string_view default_url = "ws://127.0.0.1:8008/message";

// Why something cannot be used: a sentence without its end.
struct Fault {
  std::string what;
};

struct Link {
  std::string url;         // as it was given: nobody has looked into it
  std::string token;       // a token or a service key; "": none
  std::string token_file;  // that it was read from and may be read from again; "": none
  std::string ca_file;     // "": the system's authorities
  std::string cert_file;   // of ours, where the broker asks for one; "": none
  std::string client_key_file;
  bool insecure = false;  // believe any certificate
};

inline constexpr std::array link_options = {
    config::Option{"--url", "URL", "The broker (default: CRIER_URL, or ws://127.0.0.1:8008/message)"},
    config::Option{"--token-file", "FILE", "A token or a service key (default: CRIER_TOKEN); - reads standard input"},
    config::Option{"--ca-file", "FILE", "Believe the authorities in it, PEM, instead of the system's"},
    config::Option{"--cert", "FILE", "Our certificate, PEM, for a broker that asks for one (tls.client_ca)"},
    config::Option{"--client-key", "FILE", "The private key of --cert, PEM"},
    config::Option{"--insecure", "", "Believe any certificate: for trials, whoever is in between reads along"},
};

// Both tables as one, for a Usage.
template <std::size_t N, std::size_t M>
[[nodiscard]] constexpr std::array<config::Option, N + M> joined(const std::array<config::Option, N>& first,
                                                                 const std::array<config::Option, M>& second) {
  std::array<config::Option, N + M> all{};
  for (std::size_t i = 0; i < N; ++i) all[i] = first[i];
  for (std::size_t i = 0; i < M; ++i) all[N + i] = second[i];
  return all;
}

// The fault says which file or variable cannot be used, and why.
[[nodiscard]] Result<Link, Fault> link_of(const tools::Options& options);

// The one line of a file, or of standard input ("-").
[[nodiscard]] Result<std::string, Fault> read_secret_file(const std::string& path);

// A token or key from the file of an option, else from a variable; "": neither was given.
[[nodiscard]] Result<std::string, Fault> read_secret(const tools::Options& options, std::string_view option,
                                                     const char* variable);

// What the library says, which names its own options, in the names of ours.
[[nodiscard]] std::string in_own_words(std::string text);
// Without the full stop of a whole sentence, so that it can be part of one.
[[nodiscard]] std::string without_end(std::string text);
// "crier sub: WHAT." on standard error.
void tell(const config::Usage& usage, const std::string& what);
// The same, and the exit code.
[[nodiscard]] int fail(const config::Usage& usage, int exit_code, const std::string& what);
// What Options::parse wants to have said; its exit code.
[[nodiscard]] int finish(const tools::Outcome& outcome);
// The exit code of one that has printed something; where that could not be written, it says so and it is another one.
[[nodiscard]] int printed(const config::Usage& usage, int exit_code);
// Ends the process with nothing left to be said: without waiting for the lookup of a name, which nobody can cancel.
[[noreturn]] void leave_at_once(int exit_code);
// "OPTION: WHAT; see `crier sub --help`."
[[nodiscard]] int fail_usage(const config::Usage& usage, const std::string& what);

}  // namespace crier::cli
