#include "clients/cpp/tls_context.hpp"

#include <gtest/gtest.h>
#include <openssl/x509v3.h>

#include <string>
#include <utility>

namespace crier::client {
namespace {

std::string fault_of(const TlsOptions& options) {
  auto made = TlsContext::make(options);
  EXPECT_FALSE(made);
  return made ? "" : made.error().detail;
}

TEST(TlsContext, Verifies_the_name_in_the_url_against_the_systems_store_by_default) {
  auto context = TlsContext::make({});
  ASSERT_TRUE(context);
  const SslPtr session = context->new_session("broker.example.com");
  EXPECT_EQ(SSL_get_verify_mode(session.get()), SSL_VERIFY_PEER);
  EXPECT_STREQ(SSL_get_servername(session.get(), TLSEXT_NAMETYPE_host_name), "broker.example.com");
  EXPECT_STREQ(X509_VERIFY_PARAM_get0_host(SSL_get0_param(session.get()), 0), "broker.example.com");
}

TEST(TlsContext, Verifies_another_name_where_one_is_given) {
  auto context = TlsContext::make({.server_name = "inner.example.com"});
  ASSERT_TRUE(context);
  const SslPtr session = context->new_session("10.0.0.1");
  EXPECT_STREQ(SSL_get_servername(session.get(), TLSEXT_NAMETYPE_host_name), "inner.example.com");
  EXPECT_STREQ(X509_VERIFY_PARAM_get0_host(SSL_get0_param(session.get()), 0), "inner.example.com");
}

TEST(TlsContext, Verifies_an_address_as_an_address_and_asks_for_no_name) {
  auto context = TlsContext::make({});
  ASSERT_TRUE(context);
  const SslPtr session = context->new_session("127.0.0.1");
  EXPECT_EQ(SSL_get_servername(session.get(), TLSEXT_NAMETYPE_host_name), nullptr);
  EXPECT_EQ(X509_VERIFY_PARAM_get0_host(SSL_get0_param(session.get()), 0), nullptr);
}

TEST(TlsContext, Names_the_file_that_cannot_be_read) {
  EXPECT_NE(fault_of({.ca_file = "/nowhere/ca.pem"}).find("tls.ca_file: /nowhere/ca.pem"), std::string::npos);
  EXPECT_NE(fault_of({.certificate_file = "/nowhere/c.pem", .private_key_file = "/nowhere/k.pem"}).find("c.pem"),
            std::string::npos);
  EXPECT_NE(fault_of({.certificate_file = "/nowhere/c.pem"}).find("belong together"), std::string::npos);
}

TEST(TlsContext, Refuses_a_server_name_that_no_host_can_have) {
  EXPECT_NE(fault_of({.server_name = std::string(256, 'a')}).find("tls.server_name"), std::string::npos);
  EXPECT_NE(fault_of({.server_name = std::string("a\0b", 3)}).find("tls.server_name"), std::string::npos);
}

TEST(TlsContext, Verifies_nothing_only_where_that_is_said) {
  auto context = TlsContext::make({.verify = false});
  ASSERT_TRUE(context);
  EXPECT_EQ(SSL_get_verify_mode(context->new_session("a").get()), SSL_VERIFY_NONE);
}

}  // namespace
}  // namespace crier::client
