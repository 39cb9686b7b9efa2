#include "broker/config/print.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "broker/config/exchange.hpp"
#include "broker/config/listing.hpp"
#include "broker/config/names.hpp"

namespace crier::config {
namespace {

constexpr std::size_t comment_column = 44;

// A file's name is the only part that somebody chose; a line must stay one.
std::string comment_text(std::string_view text) {
  const bool plain = std::ranges::none_of(text, [](char c) { return (c >= 0 && c < ' ') || c == '\x7F'; });
  return plain ? std::string(text) : in_quotes(text);
}

// "namespace.default.publish" for "namespace.chat.publish"; "" elsewhere.
std::string inherited_id(const Entry& entry) {
  constexpr std::string_view in_namespace = "namespace.";
  if (!entry.table.starts_with(in_namespace) || entry.table == "namespace.default") return {};
  return concat({"namespace.default.", entry.key});
}

std::string origin_of(const Draft& draft, const Entry& entry) {
  if (const Source* own = draft.source_of(entry.id())) return comment_text(own->place());
  const std::string above = inherited_id(entry);
  if (const Source* source = above.empty() ? nullptr : draft.source_of(above)) {
    return "as namespace.default: " + comment_text(source->place());
  }
  const bool depends =
      entry.table.starts_with("namespace.") && (entry.key == "publish" || entry.key == "pattern_access");
  if (depends)
    return draft.config.auth.configured() ? "default with tokens or keys" : "default without tokens and keys";
  return "default";
}

std::string header_of(const Entry& entry) {
  const std::size_t bracket = entry.table.find('[');
  if (bracket == std::string::npos) return concat({"[", entry.table, "]"});
  return concat({"[[", std::string_view(entry.table).substr(0, bracket), "]]"});
}

std::string line_of(const Draft& draft, const Entry& entry) {
  std::string line;
  std::string origin = origin_of(draft, entry);
  if (entry.text.empty()) {
    // server.origins alone can be unset.
    const bool protects = draft.config.protects();
    line = concat({"# ", entry.key, protects ? " = [\"same\", \"local\"]" : " = [\"same\"]"});
    origin += protects ? ", as it is not set and protected mode is in force" : ", as it is not set";
  } else if (is_secret(entry.id()) && entry.text != toml_text("")) {
    line = concat({entry.key, " = ", toml_text(mask)});
    origin += ", not shown";
  } else {
    line = concat({entry.key, " = ", entry.text});
  }
  line.resize(std::max(line.size() + 1, comment_column), ' ');
  return line + "# " + origin;
}

std::string listed_texts(std::span<const std::string> texts) {
  return listed(std::vector<std::string_view>(texts.begin(), texts.end()));
}

std::string spelled(const std::vector<Entry>& all, std::string_view table, std::string_view key) {
  const auto found = std::ranges::find_if(all, [&](const Entry& e) { return e.table == table && e.key == key; });
  if (found == all.end()) return {};
  std::string text = found->text;
  std::erase(text, '"');
  return text;
}

// A table of words, a namespace a line.
std::string print_namespaces(const Config& config) {
  constexpr std::array<std::string_view, 5> keys{"subscribe", "publish", "history_access", "presence_access",
                                                 "pattern_access"};
  constexpr std::array<std::string_view, 5> titles{"subscribe", "publish", "history", "presence", "patterns"};
  constexpr std::size_t word_width = 15;
  const std::vector<Entry> all = entries(config);
  std::size_t name_width = 12;
  for (const auto& [name, settings] : config.namespaces) name_width = std::max(name_width, name.size() + 2);
  const auto cell = [](std::string_view text, std::size_t width) {
    std::string out(text);
    out.resize(std::max(width, out.size() + 1), ' ');
    return out;
  };
  std::string out = "  " + cell("namespace", name_width);
  for (const std::string_view title : titles) out += cell(title, word_width);
  const auto end_line = [&out] { out = out.substr(0, out.find_last_not_of(' ') + 1) + "\n"; };
  end_line();
  for (const auto& [name, settings] : config.namespaces) {
    out += "  " + cell(name, name_width);
    for (const std::string_view key : keys) out += cell(spelled(all, "namespace." + name, key), word_width);
    end_line();
  }
  return out;
}

std::string print_service_key(const ServiceKey& key) {
  std::string out = concat({"  service key ", key.name, ":"});
  for (const auto& [right, channels] : {std::pair("publish", &key.publish), std::pair("subscribe", &key.subscribe),
                                        std::pair("presence", &key.presence), std::pair("history", &key.history)}) {
    if (!channels->empty()) out += concat({" ", right, " ", listed_texts(*channels), ";"});
  }
  if (key.manage) out += " manage;";
  out.back() = out.back() == ':' ? ' ' : '.';
  return out + (out.back() == ' ' ? "is granted no channel.\n" : "\n");
}

std::string print_proofs(const Config& config) {
  std::string out;
  const Auth& auth = config.auth;
  if (auth.jwt.configured()) {
    out += "  tokens: " + spelled(entries(config), "auth.jwt", "algorithms") + "\n";
  }
  for (const ServiceKey& key : auth.service_keys) out += print_service_key(key);
  if (!auth.configured()) return "  nobody can prove who it is: no tokens and no service keys are configured\n";
  return out + (auth.anonymous ? "  without a token or key: as anyone\n" : "  without a token or key: nothing\n");
}

}  // namespace

std::string print_config(const Draft& draft) {
  std::string out = "# The configuration in force. Behind each value: where it came from.\n";
  if (draft.config.server.echo) out += "# Set by no key: --echo\n";
  std::string table;
  for (const Entry& entry : entries(draft.config)) {
    if (entry.table != table) {
      table = entry.table;
      out += concat({"\n", header_of(entry), "\n"});
    }
    out += line_of(draft, entry) + "\n";
  }
  return out;
}

std::string print_summary(const Config& config) {
  const Server& server = config.server;
  std::string out = concat({"  listens on ", listed_texts(server.listen), config.tls.enabled() ? " with TLS" : ""});
  out += concat({"; administration on ", server.admin, "\n"});
  out += config.protects() ? "  protected mode is in force: this machine only, and anyone on it\n" : "";
  return out + print_proofs(config) + print_namespaces(config);
}

}  // namespace crier::config
