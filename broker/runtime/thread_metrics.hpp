// What one loop counts. Only its own thread writes; the administrative thread reads.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string_view>
#include <utility>

#include "broker/runtime/close_reason.hpp"
#include "broker/runtime/thread_counter.hpp"

namespace crier::runtime {

// Labels, bounded by construction; the last of each list takes what is not in it.
// The first ten are protocol/http/request_fault.hpp's, the next eight protocol/websocket/handshake.hpp's.
inline constexpr std::array<std::string_view, 33> refusal_labels = {"bad_request_line",
                                                                    "bad_header",
                                                                    "bad_host",
                                                                    "smuggling",
                                                                    "bad_chunk",
                                                                    "body_too_large",
                                                                    "target_too_long",
                                                                    "head_too_large",
                                                                    "unsupported_coding",
                                                                    "unsupported_version",
                                                                    "bad_method",
                                                                    "http_version",
                                                                    "body",
                                                                    "bad_upgrade",
                                                                    "bad_version",
                                                                    "bad_key",
                                                                    "bad_subprotocol",
                                                                    "no_subprotocol",
                                                                    "bad_extensions",
                                                                    "bad_channel",
                                                                    "bad_position",
                                                                    "host",
                                                                    "origin",
                                                                    "path",
                                                                    "token",
                                                                    "capacity",
                                                                    "connections_per_ip",
                                                                    "connects_per_second",
                                                                    "draining",
                                                                    "timeout",
                                                                    "proxy_protocol",
                                                                    "forbidden",
                                                                    "other"};
// Why a token or key was refused; those of auth/authenticator.hpp.
inline constexpr std::array<std::string_view, 12> credential_fault_labels = {
    "malformed", "too_long",  "algorithm", "unknown_key", "signature", "expired",
    "not_yet",   "no_expiry", "issuer",    "audience",    "claims",    "other"};
// How a TLS handshake failed.
inline constexpr std::array<std::string_view, 6> tls_fault_labels = {"plain_http", "protocol", "certificate",
                                                                     "timeout",    "closed",   "other"};
inline constexpr std::array<std::string_view, 11> op_labels = {"auth",    "subscribe", "unsubscribe", "publish",
                                                               "history", "presence",  "channels",    "disconnect",
                                                               "kick",    "ping",      "invalid"};
inline constexpr std::array<std::string_view, 14> outcome_labels = {"ok",
                                                                    "bad_request",
                                                                    "unauthorized",
                                                                    "token_expired",
                                                                    "forbidden",
                                                                    "already_subscribed",
                                                                    "not_subscribed",
                                                                    "too_large",
                                                                    "rate_limited",
                                                                    "limit_exceeded",
                                                                    "unrecoverable_position",
                                                                    "unavailable",
                                                                    "timeout",
                                                                    "internal"};
inline constexpr std::array<double, 12> flush_bounds = {128,    512,    2048,   8192,    32768,   65536,
                                                        131072, 262144, 524288, 1048576, 4194304, 16777216};
inline constexpr std::array<double, 14> latency_bounds = {0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005,
                                                          0.01,    0.025,  0.05,    0.1,    0.25,  1.0,    5.0};

// Aligned, so that no two threads' counters share a cache line.
struct alignas(64) ThreadMetrics {
  ThreadGauge connections;    // sockets that are open, in every state
  ThreadGauge websockets;     // of these, upgraded ones
  ThreadGauge event_streams;  // and those that carry server-sent events
  ThreadCounter accepted;
  ThreadCounter heartbeats;    // pings and comments on quiet connections
  ThreadCounter reads_paused;  // how often a connection was not read any further for a while
  LabelledCounter<close_labels.size()> closed{close_labels};
  LabelledCounter<refusal_labels.size()> refused{refusal_labels};
  ThreadCounter credentials_accepted;  // tokens and keys, at a handshake, by POST or by `auth`
  LabelledCounter<credential_fault_labels.size()> credentials_refused{credential_fault_labels};
  ThreadCounter subscriptions_revoked;  // ended because a right to them was taken away
  ThreadGauge anonymous_waiting;        // connections that have to present a token within auth.auth_timeout
  ThreadCounter tls_handshakes;         // completed
  ThreadCounter tls_resumed;            // of these, by resuming a session
  LabelledCounter<tls_fault_labels.size()> tls_faults{tls_fault_labels};
  ThreadGauge tls_in_flight;  // handshakes that have begun
  ThreadGauge tls_waiting;    // connections whose turn for a handshake has not come
  ThreadGauge subscriptions;
  ThreadGauge channels;  // with subscribers, at their home
  // Commands by op and outcome: one row an op.
  std::array<LabelledCounter<outcome_labels.size()>, op_labels.size()> commands =
      make_commands(std::make_index_sequence<op_labels.size()>{});
  ThreadCounter published;              // accepted by their home shard
  ThreadCounter delivered;              // copies put into subscribers' outboxes
  ThreadCounter dropped_slow_consumer;  // copies discarded with an outbox that was over its limit
  ThreadCounter bytes_in;               // as they came over the wire
  ThreadCounter bytes_out;              // as they went
  ThreadGauge outbox_bytes;             // waiting for sockets, each shared frame counted once
  ThreadHistogram<flush_bounds.size()> flush_bytes{flush_bounds};
  ThreadHistogram<latency_bounds.size()> publish_to_write_s{latency_bounds};
  ThreadGauge mailbox_depth;     // mails in the batches of the last turn
  ThreadGauge requests_waiting;  // publishes and subscriptions held back for want of credit
  ThreadGauge loop_lag_us;       // how late the last tick was
  ThreadCounter probes_sent;

  // At their home.
  ThreadGauge members;            // presence: sessions in channels
  ThreadGauge history_bytes;      // of all histories
  ThreadCounter history_evicted;  // messages that the byte budget took, before their time
  ThreadCounter recovered;        // subscriptions with `since` that were continued
  ThreadCounter not_recovered;
  ThreadCounter fetches;  // pieces of histories that were asked for
  ThreadGauge idempotency_keys;
  ThreadCounter duplicates;         // publishes that an earlier one of the same key stands for
  ThreadCounter publishes_refused;  // by the engine or a limit of the home
  ThreadGauge engine_ready{1};
  ThreadGauge engine_pending_bytes;
  ThreadCounter engine_timeouts;
  ThreadCounter engine_recovery_failures;

  // At the subscriber's shard.
  ThreadGauge lagging;                             // subscriptions that catch up
  ThreadCounter lags;                              // how often one began to
  ThreadGauge backlog_bytes;                       // what they share, where there is no history
  ThreadCounter gaps;                              // told to subscribers
  ThreadCounter lost;                              // messages that gaps told of, for one subscriber each
  ThreadCounter conflated;                         // of these, replaced by newer ones
  std::atomic<std::int64_t> probe_returned_ms{0};  // steady clock, of the last self-probe that came back

 private:
  template <std::size_t... I>
  static std::array<LabelledCounter<outcome_labels.size()>, sizeof...(I)> make_commands(std::index_sequence<I...>) {
    return {((void)I, LabelledCounter<outcome_labels.size()>{outcome_labels})...};
  }
};

}  // namespace crier::runtime
