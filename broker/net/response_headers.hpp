// What answers tell browsers beside their content: who may read them (CORS, Fetch standard) and what a page may do.
// Pure functions over headers.
#pragma once

#include <string>
#include <vector>

#include "broker/net/admission.hpp"
#include "protocol/http/request.hpp"

namespace crier::net {

using Headers = std::vector<http::Header>;

// The request's Origin where its page may call us, else "": answers to it are readable for that page, errors too.
[[nodiscard]] std::string readable_for(const http::RequestHead& head, const AdmissionContext& context);

// `origin` as `readable_for` gave it. Never Access-Control-Allow-Credentials: it would let pages send cookies and
// client certificates along, and we use no cookies. What identifies a client is a token, which a page holds itself.
void add_cors(Headers& headers, const std::string& origin);
// The answer to OPTIONS; a preflight when `origin` is not empty.
void add_preflight(Headers& headers, const http::RequestHead& head, const std::string& origin);

// For every answer that is no file of the page: no cache keeps it, and nobody guesses another type.
void add_data_policy(Headers& headers);
// The same for one that a browser may show in a window, where it neither runs nor is framed.
void add_answer_policy(Headers& headers);
// For the page's files.
void add_page_policy(Headers& headers);

}  // namespace crier::net
