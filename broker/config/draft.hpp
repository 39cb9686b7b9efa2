// A configuration while it is put together: the values so far, where each came from, what was wrong.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "broker/config/config.hpp"
#include "broker/config/config_loader.hpp"
#include "broker/config/toml_document.hpp"

namespace crier::config {

// Where a setting was written. The default means nowhere: it was handed in as a struct.
struct Source {
  std::string where = "configuration";  // the file's name, or "--threads"
  std::string key;                      // as the operator wrote it, "server.listen[1]"; "" for a flag
  Place at;                             // line 0: not in a file

  [[nodiscard]] std::string place() const;  // "crier.toml:12:3", or "--threads"
};

class Draft {
 public:
  Config config;

  // A setting is known here by its id: "server.threads", "server.listen[0]", "namespace.chat.overflow".
  // A flag's good value makes up for the file's faulty one.
  void set_from(const std::string& id, Source source);
  // Forgets where a list and its items came from: a flag replaces them all.
  void forget(std::string_view id);
  // Null when nobody wrote it: the default is in force.
  [[nodiscard]] const Source* source_of(std::string_view id) const;

  // A value that could not be taken leaves the default in `config`, which then proves nothing: rules between
  // settings leave such an id alone.
  void mark_faulty(std::string_view id) { faulty_.emplace(id); }
  [[nodiscard]] bool faulty(std::string_view id) const { return faulty_.contains(id); }
  // Is any setting faulty whose id begins so?
  [[nodiscard]] bool any_faulty_below(std::string_view prefix) const;

  void add_problem(const Source& source, std::string_view text);
  // A file's in the order of its lines, then those of flags.
  [[nodiscard]] Problems problems() const;

 private:
  struct Fault {
    Place at;
    Problem problem;
  };

  std::map<std::string, Source, std::less<>> sources_;
  std::set<std::string, std::less<>> faulty_;
  std::vector<Fault> faults_;
};

// Once everything is read: the defaults that depend on other settings.
void settle(Draft& draft);

// The rules between settings.
void check_draft(Draft& draft);

}  // namespace crier::config
