#include "tests/integration/load/options.hpp"

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <system_error>

namespace crier::load {

namespace {

[[noreturn]] void usage(std::string_view wrong) {
  std::fprintf(stderr,
               "crier_test_load: %.*s\n"
               "usage: crier_test_load order|flood|connections --port N [--pid N] [--publishers N] [--subscribers N]\n"
               "       [--messages N] [--window N] [--connections N] [--rounds N] [--seconds S] [--deadline S]\n",
               static_cast<int>(wrong.size()), wrong.data());
  std::exit(2);
}

}  // namespace

Options parse_options(int argc, char** argv) {
  Options options;
  for (int i = 2; i < argc; i += 2) {
    const std::string_view name = argv[i];
    if (i + 1 >= argc) usage("an option without its value");
    const double value = std::strtod(argv[i + 1], nullptr);
    const auto whole = static_cast<std::uint32_t>(value);
    if (name == "--port")
      options.port = static_cast<std::uint16_t>(whole);
    else if (name == "--pid")
      options.server_pid = static_cast<int>(whole);
    else if (name == "--publishers")
      options.publishers = whole;
    else if (name == "--subscribers")
      options.subscribers = whole;
    else if (name == "--messages")
      options.messages = whole;
    else if (name == "--window")
      options.window = whole;
    else if (name == "--connections")
      options.connections = whole;
    else if (name == "--rounds")
      options.rounds = whole;
    else if (name == "--seconds")
      options.seconds = value;
    else if (name == "--deadline")
      options.deadline = value;
    else
      usage(name);
  }
  if (options.port == 0) usage("--port is missing");
  return options;
}

void Report::add(std::string_view name, std::string_view value) {
  fields_ += fields_.empty() ? "\"" : ",\"";
  fields_ += name;
  fields_ += "\":";
  fields_ += value;
}

void Report::number(std::string_view name, double value) {
  add(name, std::to_string(value));
}
void Report::count(std::string_view name, std::uint64_t value) {
  add(name, std::to_string(value));
}
void Report::text(std::string_view name, std::string_view value) {
  add(name, "\"" + std::string(value) + "\"");
}

void Report::list(std::string_view name, const std::vector<std::uint64_t>& values) {
  std::string text = "[";
  for (const std::uint64_t value : values) text += (text.size() > 1 ? "," : "") + std::to_string(value);
  add(name, text + "]");
}

void Report::print() const {
  std::printf("{%s}\n", fields_.c_str());
  std::fflush(stdout);
}

std::uint64_t resident_kb(int pid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmRSS:")) return std::strtoull(line.c_str() + 6, nullptr, 10);
  }
  return 0;
}

std::uint64_t open_descriptors(int pid) {
  std::error_code error;
  std::uint64_t count = 0;
  std::filesystem::directory_iterator entries("/proc/" + std::to_string(pid) + "/fd", error);
  for (; !error && entries != std::filesystem::directory_iterator{}; entries.increment(error)) ++count;
  return count;
}

}  // namespace crier::load
