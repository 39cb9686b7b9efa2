#include "broker/net/tls_stream.hpp"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "protocol/base/check.hpp"

namespace crier::net {

namespace {

// By what OpenSSL says of a handshake that failed. What the peer told us by an alert counts as what it is about.
std::string_view label_of(unsigned long error) {
  if (ERR_GET_LIB(error) != ERR_LIB_SSL) return "other";
  switch (ERR_GET_REASON(error)) {
    case SSL_R_HTTP_REQUEST:
    case SSL_R_HTTPS_PROXY_REQUEST: return "plain_http";
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
    case SSL_R_CERTIFICATE_VERIFY_FAILED:
    case SSL_R_NO_CERTIFICATE_ASSIGNED:
    case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
    case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN: return "certificate";
    case SSL_R_TLSV1_ALERT_USER_CANCELLED: return "closed";
    default: return "protocol";
  }
}

}  // namespace

TlsStream::TlsStream(std::shared_ptr<const TlsContexts> contexts, int descriptor, runtime::ThreadMetrics& metrics)
    : contexts_(std::move(contexts)), session_(contexts_->new_session()), metrics_(metrics) {
  if (session_ != nullptr && SSL_set_fd(session_.get(), descriptor) != 1) session_.reset();
  // On by default: a peer that renews its keys without end would keep one call of SSL_read busy, and the loop with it.
  if (session_ != nullptr) SSL_clear_mode(session_.get(), SSL_MODE_AUTO_RETRY);
}

// OpenSSL's queue of errors belongs to the thread: it is empty before every step, or SSL_get_error would take
// another connection's fault for this one's.
TlsStream::Step TlsStream::step_of(int result) {
  count_wire();
  if (result > 0) return Step::done;
  switch (SSL_get_error(session_.get(), result)) {
    case SSL_ERROR_WANT_READ: return Step::wants_read;
    case SSL_ERROR_WANT_WRITE: return Step::wants_write;
    case SSL_ERROR_ZERO_RETURN: fault_ = "closed"; return Step::finished;
    case SSL_ERROR_SYSCALL: fault_ = "closed"; break;
    default: fault_ = label_of(ERR_peek_error()); break;
  }
  ERR_clear_error();
  broken_ = true;
  return Step::failed;
}

void TlsStream::count_wire() {
  const std::uint64_t in = BIO_number_read(SSL_get_rbio(session_.get()));
  const std::uint64_t out = BIO_number_written(SSL_get_wbio(session_.get()));
  if (in != wire_in_) metrics_.bytes_in.add(in - std::exchange(wire_in_, in));
  if (out != wire_out_) metrics_.bytes_out.add(out - std::exchange(wire_out_, out));
}

TlsStream::Step TlsStream::handshake() {
  if (session_ == nullptr) return Step::failed;  // no memory for it
  ERR_clear_error();
  const Step step = step_of(SSL_do_handshake(session_.get()));
  return step == Step::finished ? Step::failed : step;
}

bool TlsStream::resumed() const {
  return SSL_session_reused(session_.get()) == 1;
}

TlsStream::Step TlsStream::read(std::span<char> into, std::size_t& got) {
  got = 0;
  reading_waits_for_write = false;
  while (got < into.size()) {
    ERR_clear_error();
    std::size_t bytes = 0;
    const Step step = step_of(SSL_read_ex(session_.get(), into.data() + got, into.size() - got, &bytes));
    got += bytes;
    reading_waits_for_write = step == Step::wants_write;
    if (step != Step::done) return step;
  }
  return Step::done;
}

bool TlsStream::holds_input() const {
  return SSL_has_pending(session_.get()) == 1;
}

TlsStream::Step TlsStream::write(std::string_view bytes, std::size_t& taken) {
  CRIER_ASSERT(!holds_output());
  taken = std::min(bytes.size(), record_bytes_max);
  bytes = bytes.substr(0, taken);
  ERR_clear_error();
  std::size_t written = 0;
  const Step step = step_of(SSL_write_ex(session_.get(), bytes.data(), bytes.size(), &written));
  if (step == Step::done) {
    taken = written;
  } else if (step == Step::wants_read || step == Step::wants_write) {
    kept_ = std::make_unique<std::string>(bytes);
    writing_waits_for_read = step == Step::wants_read;
  }
  return step;
}

// OpenSSL wants the same bytes again: most often the record is made and only waits, but a message of TLS's own, such
// as a new key's, may have come between, and then it is made now.
TlsStream::Step TlsStream::write_rest() {
  CRIER_ASSERT(holds_output());
  ERR_clear_error();
  std::size_t written = 0;
  const Step step = step_of(SSL_write_ex(session_.get(), kept_->data(), kept_->size(), &written));
  writing_waits_for_read = step == Step::wants_read;
  if (step == Step::done && written == kept_->size()) kept_.reset();
  if (step == Step::done && kept_) kept_->erase(0, written);
  return step;
}

TlsStream::Step TlsStream::finish() {
  if (broken_) return Step::failed;
  ERR_clear_error();
  // 0: ours is out and the peer's is not in. Nobody waits for that: the socket's own end follows.
  const int result = SSL_shutdown(session_.get());
  if (result == 0) count_wire();
  return result == 0 ? Step::done : step_of(result);
}

}  // namespace crier::net
