#include "clients/cli/link.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <utility>

#include "broker/tools/input.hpp"
#include "clients/cli/exit_code.hpp"
#include "clients/cli/text.hpp"

namespace crier::cli {

namespace {

// It becomes a header's value.
bool is_secret(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c > ' ' && c <= '~'; });
}

// An earlier write may have failed whose text is no longer in the buffer.
bool flushed() {
  const bool rest = std::fflush(stdout) == 0;
  return rest && std::ferror(stdout) == 0;
}

std::string last_fault() {
  return std::generic_category().message(errno);
}

std::string variable_or_nothing(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

Result<std::string, Fault> read_secret_file(const std::string& path) {
  auto text = tools::read_input(path);
  if (!text) return Fault{path + ": " + text.error().what};
  std::string secret = tools::without_line_end(std::move(*text));
  if (secret.empty()) return Fault{path + ": is empty"};
  if (!is_secret(secret)) return Fault{path + ": holds more than a token or a key in one line"};
  return secret;
}

Result<std::string, Fault> read_secret(const tools::Options& options, std::string_view option, const char* variable) {
  if (const auto file = options.one(option)) {
    auto secret = read_secret_file(*file);
    if (!secret) return Fault{std::string(option) + ": " + secret.error().what};
    return secret;
  }
  std::string value = variable_or_nothing(variable);
  if (!value.empty() && !is_secret(value))
    return Fault{std::string(variable) + ": is no token and no key, but more text"};
  return value;
}

Result<Link, Fault> link_of(const tools::Options& options) {
  auto token = read_secret(options, "--token-file", "CRIER_TOKEN");
  if (!token) return token.error();
  Link link;
  link.token = std::move(*token);
  link.token_file = options.one("--token-file").value_or("");
  // A pipe, as of `<(...)`, gives what it has once.
  std::error_code unknown;
  if (!std::filesystem::is_regular_file(link.token_file, unknown)) link.token_file.clear();
  const auto url = options.one("--url");
  link.url = url.value_or(variable_or_nothing("CRIER_URL"));
  // An empty variable is none; an option that came out empty is a mistake, and must not lead somewhere else.
  if (!url && link.url.empty()) link.url = default_url;
  link.ca_file = options.one("--ca-file").value_or("");
  link.cert_file = options.one("--cert").value_or("");
  link.client_key_file = options.one("--client-key").value_or("");
  link.insecure = options.has("--insecure");
  return link;
}

std::string in_own_words(std::string text) {
  if (text.starts_with("crier: ")) text.erase(0, 7);  // who says so is said by whoever prints it
  constexpr std::array<std::pair<std::string_view, std::string_view>, 7> names = {{
      {"tls.ca_file", "--ca-file"},
      {"tls.certificate_file", "--cert"},
      {"tls.private_key_file", "--client-key"},
      {", or set tls.server_name", ""},
      {"within connect_timeout", "in time"},
      {R"(send {"op":"auth","token":…} first, within auth.auth_timeout)",
       "give a token in CRIER_TOKEN or --token-file"},
      {"raise incoming_bytes_max, or it would come again after every reconnect", "this command takes no larger one"},
  }};
  for (const auto& [theirs, ours] : names) {
    for (std::size_t at = text.find(theirs); at != std::string::npos; at = text.find(theirs, at + ours.size())) {
      text.replace(at, theirs.size(), ours);
    }
  }
  return text;
}

std::string without_end(std::string text) {
  if (text.ends_with('.')) text.pop_back();
  return text;
}

void tell(const config::Usage& usage, const std::string& what) {
  std::fprintf(stderr, "%s: %s.\n", std::string(usage.command).c_str(), harmless_line(without_end(what)).c_str());
}

int fail(const config::Usage& usage, int exit_code, const std::string& what) {
  tell(usage, what);
  return exit_code;
}

int finish(const tools::Outcome& outcome) {
  std::fputs(outcome.output.c_str(), stdout);
  std::fputs(outcome.errors.c_str(), stderr);
  if (flushed()) return outcome.exit_code;
  std::fprintf(stderr, "crier: standard output: %s.\n", last_fault().c_str());
  return exit_failed;
}

int printed(const config::Usage& usage, int exit_code) {
  if (flushed()) return exit_code;
  // A reader who has gone needs no explanation.
  return errno == EPIPE ? exit_failed : fail(usage, exit_failed, "standard output: " + last_fault());
}

void leave_at_once(int exit_code) {
  std::fflush(stdout);
  std::fflush(stderr);
  std::_Exit(exit_code);
}

int fail_usage(const config::Usage& usage, const std::string& what) {
  return finish(tools::wrong_usage(usage, what));
}

}  // namespace crier::cli
