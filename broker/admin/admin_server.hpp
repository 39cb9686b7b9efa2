// The administrative listener: /metrics, /healthz, /readyz. A thread of its own, so that a scrape never
// slows delivery. Bounded: so many connections, so much of a request, so long for each.
#pragma once

#include <prometheus/registry.h>

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/steady_timer.hpp>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "broker/admin/access.hpp"
#include "broker/admin/metrics_collector.hpp"
#include "broker/admin/readiness.hpp"
#include "broker/admin/reload_status.hpp"
#include "broker/auth/authenticator.hpp"
#include "broker/hub/busiest.hpp"
#include "protocol/http/request.hpp"
#include "protocol/http/response_writer.hpp"

namespace crier::admin {

class AdminServer {
 public:
  AdminServer(asio::io_context& context, asio::ip::tcp::acceptor acceptor, std::vector<std::string> hosts,
              std::vector<const runtime::ThreadMetrics*> threads);
  ~AdminServer();
  void start();
  // For a process that takes over: who asks from then on, asks that one.
  [[nodiscard]] int descriptor() { return acceptor_.native_handle(); }
  void pause() { paused_ = true; }
  void resume();
  void stop();
  // At start and at each reload, on the thread that serves.
  void set_access(std::shared_ptr<const auth::Authenticator> authenticator, std::vector<std::string> hosts,
                  bool anyone_may_act);
  void set_reloads(const ReloadStatus& reloads) { reloads_ = reloads; }
  // What POST /drain does. It answers what is drained, as JSON.
  void set_drain(std::function<std::string()> drain) { drain_ = std::move(drain); }
  [[nodiscard]] Readiness& readiness() noexcept { return readiness_; }
  [[nodiscard]] std::string address() const;
  // What GET /channels asks for: the busiest channels, at most so many, and whether there are more. It calls back on
  // this thread, or never.
  using ChannelsCallback = std::function<void(std::vector<hub::BusyChannel> channels, bool more)>;
  void set_channels(std::function<void(std::size_t limit, ChannelsCallback)> ask) { channels_ = std::move(ask); }

 private:
  class Exchange;
  void accept();
  void make_room();
  // Calls `done` at once, but for GET /channels.
  void answer(const http::RequestHead& head, const std::function<void(http::Response)>& done) const;
  void answer_place(const http::RequestHead& head, const std::function<void(http::Response)>& done) const;
  void answer_channels(const http::RequestHead& head, const std::function<void(http::Response)>& done) const;
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
  std::function<std::string()> drain_;
  std::function<void(std::size_t, ChannelsCallback)> channels_;
  bool accepting_ = false;
  bool paused_ = false;
};

}  // namespace crier::admin
