#include "clients/cli/bench/run.hpp"

#include <charconv>
#include <random>

#include "clients/cli/bench/connection.hpp"
#include "clients/cli/bench/publisher.hpp"
#include "clients/cli/bench/worker.hpp"

namespace crier::cli::benchmark {

namespace {

// Part of every channel's name: what another run publishes must not be taken for ours.
std::string make_run_name() {
  std::random_device device;
  std::string name = "00000000";
  std::uint32_t bits = device();
  for (char& c : name) {
    c = "0123456789abcdef"[bits & 15U];
    bits >>= 4U;
  }
  return name;
}

auto make_counts(std::size_t count) {
  auto counts = std::make_unique<std::atomic<std::uint32_t>[]>(count);
  for (std::size_t i = 0; i < count; ++i) counts[i].store(0);
  return counts;
}

}  // namespace

Run::Run(const Options& given_options, const Target& given_target)
    : options(given_options),
      target(given_target),
      listening(make_counts(given_options.channels)),
      threads_listening(make_counts(given_options.channels)) {
  const std::string prefix = options.channel + "." + make_run_name() + ".";
  for (std::uint32_t i = 0; i < options.channels; ++i) {
    channel_names.push_back(prefix + std::to_string(i));
    subscribes_.push_back(R"({"op":"subscribe","channel":")" + channel_names.back() + R"(","id":1})");
  }
  for (std::uint32_t i = 0; i < options.threads; ++i) workers.push_back(std::make_unique<Worker>(*this, i));
  make_connections();
}

Run::~Run() = default;

void Run::make_connections() {
  std::random_device device;
  for (std::uint32_t i = 0; i < options.connections(); ++i) {
    Worker& worker = *workers[i % workers.size()];
    Publisher* publisher = nullptr;
    if (i >= options.subscribers) {
      const std::uint32_t number = i - options.subscribers;
      publishers.push_back(std::make_unique<Publisher>(*this, worker, number, device()));
      publisher = publishers.back().get();
      worker.add(*publisher);
    }
    const std::uint32_t channel = publisher == nullptr ? i % options.channels : 0;
    auto connection = std::make_unique<Connection>(*this, worker, i, channel, publisher);
    if (publisher != nullptr) publisher->use(*connection);
    worker.add(std::move(connection));
  }
}

std::optional<std::uint32_t> Run::channel_named(std::string_view name) const {
  const std::size_t dot = name.rfind('.');
  if (dot == std::string_view::npos) return std::nullopt;
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(name.data() + dot + 1, name.data() + name.size(), number);
  if (error != std::errc{} || number >= channel_names.size() || channel_names[number] != name) return std::nullopt;
  return number;
}

void Run::start_workers() {
  for (const auto& worker : workers) worker->start();
}

void Run::wake_workers() {
  for (const auto& worker : workers) worker->wake();
}

void Run::stop_workers() {
  stop.store(true);
  wake_workers();
  for (const auto& worker : workers) worker->join();
}

}  // namespace crier::cli::benchmark
