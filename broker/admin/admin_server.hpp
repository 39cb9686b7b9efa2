// The administrative listener: /metrics, /healthz, /readyz. A thread of its own, so that a scrape never
// slows delivery. Bounded: so many connections, so much of a request, so long for each.
#pragma once

#include <prometheus/registry.h>

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/steady_timer.hpp>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "broker/admin/access.hpp"
#include "broker/admin/metrics_collector.hpp"
#include "broker/admin/readiness.hpp"
#include "broker/admin/reload_status.hpp"
#include "broker/auth/authenticator.hpp"
#include "protocol/http/request.hpp"
#include "protocol/http/response_writer.hpp"

namespace crier::admin {

class AdminServer {
 public:
  AdminServer(asio::io_context& context, asio::ip::tcp::acceptor acceptor, std::vector<std::string> hosts,
              std::vector<const runtime::ThreadMetrics*> threads);
  ~AdminServer();
  void start();
  // At start and at each reload, on the thread that serves.
  void set_access(std::shared_ptr<const auth::Authenticator> authenticator, std::vector<std::string> hosts);
  void set_reloads(const ReloadStatus& reloads) { reloads_ = reloads; }
  [[nodiscard]] Readiness& readiness() noexcept { return readiness_; }
  [[nodiscard]] std::string address() const;
  // The answer to a request; public for the tests.
  [[nodiscard]] http::Response answer(const http::RequestHead& head) const;

 private:
  class Exchange;
  void accept();
  void give_up_idle();
  [[nodiscard]] http::Response answer_place(const http::RequestHead& head) const;
  [[nodiscard]] std::string metrics_text() const;

  asio::ip::tcp::acceptor acceptor_;
  asio::steady_timer pause_;
  Access access_;
  ReloadStatus reloads_;
  Readiness readiness_;
  MetricsCollector broker_metrics_;
  ProcessCollector process_metrics_;
  std::shared_ptr<prometheus::Registry> registry_;
  std::list<std::weak_ptr<Exchange>> exchanges_;
};

}  // namespace crier::admin
