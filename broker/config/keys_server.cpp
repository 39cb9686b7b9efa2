// [server], [tls] and [[tls.host]].
#include "broker/config/key_table.hpp"
#include "broker/config/rules.hpp"

namespace crier::config {
namespace {

constexpr auto server_keys = std::to_array<Key<Server>>({
    {"listen", [](const Exchange& x, Server& t) { exchange_texts(x, t.listen, judge_listen_address, 1); }},
    {"admin", [](const Exchange& x, Server& t) { exchange_text(x, t.admin, judge_address); }},
    {"admin_hosts", [](const Exchange& x, Server& t) { exchange_texts(x, t.admin_hosts, judge_host_name); }},
    {"threads",
     [](const Exchange& x, Server& t) {
       exchange_integer(x, t.threads, {0, 256, "0 takes one per core.", "More threads than cores only take turns."});
     }},
    {"paths", [](const Exchange& x, Server& t) { exchange_texts(x, t.paths, judge_path, 1); }},
    {"origins",
     [](const Exchange& x, Server& t) {
       if (!x.reads() && !t.origins) return;
       std::vector<std::string> origins = t.origins.value_or(std::vector<std::string>{});
       exchange_texts(x, origins, judge_origin);
       t.origins = std::move(origins);
     }},
    {"hosts", [](const Exchange& x, Server& t) { exchange_texts(x, t.hosts, judge_host_name); }},
    {"trusted_proxies", [](const Exchange& x, Server& t) { exchange_texts(x, t.trusted_proxies, judge_network); }},
    {"proxy_protocol", [](const Exchange& x, Server& t) { exchange_flag(x, t.proxy_protocol); }},
    {"protected_mode", [](const Exchange& x, Server& t) { exchange_flag(x, t.protected_mode); }},
    {"demo_page", [](const Exchange& x, Server& t) { exchange_flag(x, t.demo_page); }},
    {"drain_timeout",
     [](const Exchange& x, Server& t) {
       exchange_duration(x, t.drain_timeout,
                         {100, 3'600'000, "All clients would come back at the same moment.",
                          "A stop would take longer than any supervisor waits for it."});
     }},
    {"state_dir", [](const Exchange& x, Server& t) { exchange_text(x, t.state_dir, judge_directory); }},
});

constexpr std::array<std::string_view, 3> tls_host_required{"name", "certificate", "private_key"};

constexpr auto tls_keys = std::to_array<Key<Tls>>({
    {"certificate", [](const Exchange& x, Tls& t) { exchange_text(x, t.certificate, judge_file); }},
    {"private_key", [](const Exchange& x, Tls& t) { exchange_text(x, t.private_key, judge_file); }},
    {"client_ca", [](const Exchange& x, Tls& t) { exchange_text(x, t.client_ca, judge_file); }},
    {"handshakes_in_flight_max",
     [](const Exchange& x, Tls& t) {
       exchange_integer(x, t.handshakes_in_flight_max,
                        {1, 100'000, "Nobody could connect.", "A storm of connections would slow down delivery."});
     }},
    {"host", [](const Exchange& x, Tls& t) { read_subtables(x.setting(), t.hosts, tls_host_required); }, true},
});

constexpr auto tls_host_keys = std::to_array<Key<TlsHost>>({
    {"name", [](const Exchange& x, TlsHost& t) { exchange_text(x, t.name, judge_certificate_name); }},
    {"certificate", [](const Exchange& x, TlsHost& t) { exchange_text(x, t.certificate, judge_needed_file); }},
    {"private_key", [](const Exchange& x, TlsHost& t) { exchange_text(x, t.private_key, judge_needed_file); }},
});

}  // namespace

template <>
KeyTable<Server> keys_of<Server>() {
  return {server_keys, {}};
}
template <>
KeyTable<Tls> keys_of<Tls>() {
  return {tls_keys, {}};
}
template <>
KeyTable<TlsHost> keys_of<TlsHost>() {
  return {tls_host_keys, {}};
}

}  // namespace crier::config
