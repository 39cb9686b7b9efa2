// What a configuration prints loads again as the same.
#pragma once

#include "broker/config/draft.hpp"
#include "broker/config/file.hpp"
#include "broker/config/keys.hpp"
#include "broker/config/print.hpp"
#include "protocol/base/check.hpp"

namespace crier::config {

// A secret is masked, and a mask is refused: so it is taken away first, and rules between settings are left alone.
inline void check_printed(Draft draft) {
  draft.config.auth.jwt.secret.clear();
  Draft again;
  const auto document = parse_file(again, print_config(draft), "printed");
  CRIER_ASSERT(document);
  for (const Pass pass : passes) read_document(again, document->name, document->table, pass);
  CRIER_ASSERT(again.problems().empty());
  CRIER_ASSERT(again.config == draft.config);
}

}  // namespace crier::config
