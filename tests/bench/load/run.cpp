#include "tests/bench/load/run.hpp"

#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>

#include "tests/bench/load/clock.hpp"
#include "tests/bench/load/marker.hpp"
#include "tests/bench/load/text.hpp"

namespace crier::bench {

namespace {

constexpr std::uint64_t nothing_in_flight = ~std::uint64_t{0};
constexpr std::uint64_t receivers_mask = 0xFFFF'FFFF;

std::string make_id() {
  const auto mixed = static_cast<std::uint64_t>(now_ns() / 1000 ^ std::int64_t{::getpid()} * 7919);
  return formatted("%06x", static_cast<unsigned>(mixed & 0xFF'FFFF));
}

sockaddr_in address_of(const Target& target) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(target.port));
  if (::inet_pton(AF_INET, target.host.c_str(), &address.sin_addr) != 1) die("host must be an IPv4 address");
  if (ntohl(address.sin_addr.s_addr) >> 24 != IN_LOOPBACKNET) {
    die("refusing to load anything but this machine (127.x.x.x)");
  }
  return address;
}

}  // namespace

Run::Run(const Options& given_options, const Target& given_target)
    : options(given_options),
      target(given_target),
      plan(make_plan(given_options)),
      address(address_of(given_target)),
      id(make_id()) {
  if (target.tls) {
    ssl_context = ::SSL_CTX_new(::TLS_client_method());
    SSL_CTX_set_mode(ssl_context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  }
  const auto channels = static_cast<std::size_t>(plan.channels);
  for (std::size_t i = 0; i < channels; ++i) channel_names.push_back("r" + id + "-" + std::to_string(i));
  listening = std::make_unique<std::atomic<int>[]>(channels);
  if (plan.mode != Mode::open && plan.mode != Mode::flood) {
    const std::size_t slots =
        static_cast<std::size_t>(plan.publishers) * channels * static_cast<std::size_t>(plan.window);
    in_flight_ = std::make_unique<std::atomic<std::uint64_t>[]>(slots);
    for (std::size_t i = 0; i < slots; ++i) in_flight_[i].store(nothing_in_flight);
  }
  build_workers();
  build_subscribers();
  build_publishers();
}

Run::~Run() {
  connections.clear();
  if (ssl_context != nullptr) ::SSL_CTX_free(ssl_context);
}

void Run::build_workers() {
  for (int i = 0; i < options.threads; ++i) {
    workers.push_back(std::make_unique<Worker>(*this, i, options.seed * 1000 + static_cast<std::uint64_t>(i)));
  }
}

Worker& Run::worker_of(int index) const {
  return *workers[static_cast<std::size_t>(index % options.threads)];
}

Connection* Run::add_connection(Worker& worker, std::uint32_t channel, Connection::Role role, bool slow) {
  const auto number = static_cast<std::uint32_t>(connections.size());
  connections.push_back(std::make_unique<Connection>(*this, worker, number, channel, role));
  Connection& connection = *connections.back();
  if (slow) connection.make_slow();
  worker.add(connection);
  return &connection;
}

void Run::build_subscribers() {
  const int total = plan.subscribers();
  const int slow = static_cast<int>(std::lround(total * plan.slow_pct / 100));
  int slow_made = 0;
  for (int i = 0; i < total; ++i) {
    const bool is_slow = (std::int64_t{i} + 1) * slow / total > slow_made;  // spread evenly among the others
    if (is_slow) ++slow_made;
    const auto channel = static_cast<std::uint32_t>(i % plan.channels);
    add_connection(worker_of(i), channel, Connection::Role::subscriber, is_slow);
  }
}

void Run::build_publishers() {
  const auto role = target.pub_http ? Connection::Role::http_publisher : Connection::Role::websocket_publisher;
  const bool one_for_each_channel = !target.pub_http && target.pub_path.uses_channel();
  const auto channels = static_cast<std::uint32_t>(plan.channels);
  for (int i = 0; i < plan.publishers; ++i) {
    publishers.push_back(std::make_unique<Publisher>());
    Publisher& publisher = *publishers.back();
    publisher.number = static_cast<std::uint32_t>(i);
    publisher.worker = &worker_of(i);
    publisher.worker->add(publisher);
    publisher.next_seq.assign(channels, 0);
    publisher.payload = make_payload(static_cast<std::size_t>(plan.size));
    publisher.random = Random(options.seed * 77 + static_cast<std::uint64_t>(i));
    for (std::uint32_t channel = 0; channel < (one_for_each_channel ? channels : 1); ++channel) {
      publisher.connections.push_back(add_connection(*publisher.worker, channel, role, false));
    }
  }
}

std::atomic<std::uint64_t>& Run::slot(std::uint32_t publisher, std::uint32_t channel, std::uint32_t seq) {
  const auto window = static_cast<std::uint32_t>(plan.window);
  const auto channels = static_cast<std::uint32_t>(plan.channels);
  return in_flight_[(std::size_t{publisher} * channels + channel) * window + seq % window];
}

void Run::expect_deliveries(Publisher& publisher, std::uint32_t channel, std::uint32_t seq, std::uint32_t receivers) {
  if (in_flight_ && receivers > 0) {
    slot(publisher.number, channel, seq).store(std::uint64_t{seq} << 32 | receivers);
    publisher.in_flight.fetch_add(1);
  }
  expected.fetch_add(receivers, std::memory_order_relaxed);
}

void Run::received(Worker& worker, const Marker& marker) {
  if (!in_flight_) return;
  std::atomic<std::uint64_t>& state = slot(marker.publisher, marker.channel, marker.seq);
  if (state.load(std::memory_order_relaxed) >> 32 != marker.seq) return;  // given up as stalled
  if ((state.fetch_sub(1, std::memory_order_acq_rel) & receivers_mask) != 1) return;
  Publisher& publisher = *publishers[marker.publisher];
  publisher.in_flight.fetch_sub(1);
  publisher.last_progress.store(worker.now(), std::memory_order_relaxed);
  if (publisher.worker == &worker) {
    worker.publishers_may_go_on();
  } else {
    publisher.worker->wake();
  }
}

void Run::give_up(Publisher& publisher) {
  for (std::uint32_t channel = 0; channel < static_cast<std::uint32_t>(plan.channels); ++channel) {
    for (std::uint32_t i = 0; i < static_cast<std::uint32_t>(plan.window); ++i) {
      slot(publisher.number, channel, i).store(nothing_in_flight);
    }
  }
  publisher.in_flight.store(0);
}

void Run::start_workers() {
  for (const auto& worker : workers) worker->start();
}

void Run::wake_workers() {
  for (const auto& worker : workers) worker->wake();
}

void Run::stop_workers() {
  stop = true;
  wake_workers();
  for (const auto& worker : workers) worker->join();
}

std::uint64_t Run::deliveries() const {
  std::uint64_t count = 0;
  for (const auto& worker : workers) count += worker->deliveries();
  return count;
}

std::uint64_t Run::slow_deliveries() const {
  std::uint64_t count = 0;
  for (const auto& worker : workers) count += worker->slow_deliveries();
  return count;
}

void Run::complain(const Connection& connection, const std::string& what) {
  constexpr int complaints_max = 5;
  const std::lock_guard lock(complaint_mutex_);
  if (++complaints_ > complaints_max && !options.verbose) return;
  const char* const role = connection.role() == Connection::Role::subscriber ? "subscriber" : "publisher";
  std::fprintf(stderr, "crier_bench_load: %s %s %u: %s\n", target.name.c_str(), role, connection.number(),
               what.c_str());
}

}  // namespace crier::bench
