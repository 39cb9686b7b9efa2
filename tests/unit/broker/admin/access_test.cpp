#include "broker/admin/access.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace crier::admin {
namespace {

using Headers = std::vector<http::Header>;

// Knows a manager's key, another service's key and a user's token.
class Keys final : public auth::Authenticator {
 public:
  [[nodiscard]] Result<PrincipalPtr, auth::AuthFault> authenticate(std::string_view credential,
                                                                   auth::CredentialPlace place,
                                                                   std::int64_t wall_s) const override {
    if (place != auth::CredentialPlace::header) return fault();
    auth::Principal who;
    who.kind = credential == "token" ? auth::Principal::Kind::user : auth::Principal::Kind::service;
    who.manage = credential == "manager";
    if (!who.manage && credential != "other" && credential != "token") return fault();
    if (wall_s > 1000) return auth::AuthFault{ErrorCode::token_expired, "expired", "too late"};
    return std::make_shared<const auth::Principal>(std::move(who));
  }
  [[nodiscard]] bool vouches_for(std::uint64_t /*key_id*/) const override { return false; }
  [[nodiscard]] PrincipalPtr service(std::string_view /*name*/) const override { return nullptr; }

 private:
  static auth::AuthFault fault() { return {ErrorCode::unauthorized, "unknown_key", "no service has this key"}; }
};

int status(const Access& access, const Headers& headers, std::string path = "/metrics", std::string method = "GET",
           std::int64_t wall_s = 0) {
  const auto refusal = access.refuse({{headers}, std::move(method), std::move(path)}, wall_s);
  return refusal ? refusal->status : 0;
}

TEST(AdminAccess, Is_by_a_loopback_name_or_a_listed_one) {
  const Access access(true, {"admin.example"});
  for (const char* host : {"localhost:9008", "127.0.0.1", "[::1]:9008", "Admin.Example:80"}) {
    EXPECT_EQ(status(access, {{"Host", host}}), 0) << host;
  }
  for (const char* host : {"evil.example", "admin.example.", "localhost.evil.example", "user@localhost", "0.0.0.0",
                           "10.0.0.1", "", "sub.admin.example"}) {
    EXPECT_EQ(status(access, {{"Host", host}}), 421) << host;
  }
  EXPECT_EQ(status(access, {}), 421);
}

TEST(AdminAccess, Is_refused_to_other_pages_those_of_other_ports_of_this_machine_too) {
  const Access access(true, {});
  const auto from = [&](Headers headers) {
    headers.push_back({"Host", "localhost:9008"});
    return status(access, headers);
  };
  EXPECT_EQ(from({{"Origin", "http://localhost:9008"}, {"Sec-Fetch-Site", "same-origin"}}), 0);
  EXPECT_EQ(from({{"Sec-Fetch-Site", "none"}}), 0) << "somebody typed the address";
  for (const char* origin : {"http://localhost:8008", "http://localhost", "http://evil.example", "null", "",
                             "http://127.0.0.1:9008", "file://"}) {
    EXPECT_EQ(from({{"Origin", origin}}), 403) << origin;
  }
  for (const char* site : {"cross-site", "same-site", "", "Same-Origin", "anything"}) {
    EXPECT_EQ(from({{"Sec-Fetch-Site", site}}), 403) << site;
  }
  EXPECT_EQ(from({{"Origin", "http://localhost:9008"}, {"Origin", "http://evil.example"}}), 403);
  EXPECT_EQ(from({{"Sec-Fetch-Site", "none"}, {"Sec-Fetch-Site", "cross-site"}}), 403);
}

TEST(AdminAccess, Is_to_read_and_nothing_else) {
  const Access access(true, {});
  for (const char* method : {"POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"}) {
    EXPECT_EQ(status(access, {{"Host", "localhost"}}, "/metrics", method), 405) << method;
  }
  EXPECT_EQ(status(access, {{"Host", "localhost"}}, "/metrics", "HEAD"), 0);
}

TEST(AdminAccess, Ends_the_broker_by_POST_alone_and_for_who_may) {
  Access access(true, {});
  const Headers here = {{"Host", "localhost"}};
  const Headers manager = {{"Host", "localhost"}, {"Authorization", "Bearer manager"}};
  access.set(std::make_shared<Keys>(), {}, true);
  EXPECT_EQ(status(access, here, "/drain", "POST"), 0) << "protected mode, on this machine";
  for (const char* method : {"GET", "HEAD", "PUT", "DELETE"}) {
    EXPECT_EQ(status(access, here, "/drain", method), 405) << method;
  }
  EXPECT_EQ(status(access, {{"Host", "localhost"}, {"Origin", "http://evil.example"}}, "/drain", "POST"), 403);
  EXPECT_EQ(status(access, {{"Host", "rebound.example"}}, "/drain", "POST"), 421);

  access.set(std::make_shared<Keys>(), {}, false);
  EXPECT_EQ(status(access, here, "/drain", "POST"), 401);
  EXPECT_EQ(status(access, {{"Host", "localhost"}, {"Authorization", "Bearer other"}}, "/drain", "POST"), 403);
  EXPECT_EQ(status(access, manager, "/drain", "POST"), 0);
  EXPECT_EQ(status(access, here, "/metrics"), 0) << "to look, nobody on this machine needs one";
}

TEST(AdminAccess, Off_loopback_is_for_services_that_manage) {
  Access access(false, {});
  access.set(std::make_shared<Keys>(), {"admin.example"}, false);
  const auto with = [&](Headers headers, const char* path = "/metrics") {
    headers.push_back({"Host", "admin.example"});
    return status(access, headers, path);
  };
  EXPECT_EQ(with({{"Authorization", "Bearer manager"}}), 0);
  EXPECT_EQ(with({{"authorization", "bearer manager"}}), 0);
  EXPECT_EQ(with({{"Authorization", "Bearer other"}}), 403);
  EXPECT_EQ(with({{"Authorization", "Bearer token"}}), 403);
  EXPECT_EQ(with({}), 401);
  EXPECT_EQ(with({{"Authorization", "Bearer unknown"}}), 401);
  EXPECT_EQ(with({{"Authorization", "Bearer "}}), 401);
  EXPECT_EQ(with({{"Authorization", "Basic bWFuYWdlcg=="}}), 401);
  EXPECT_EQ(with({{"Authorization", "manager"}}), 401);
  EXPECT_EQ(with({}, "/metrics?token=manager"), 401) << "never from a URL";
  EXPECT_NE(with({{"Authorization", "Bearer manager"}, {"Authorization", "Bearer manager"}}), 0);
  EXPECT_EQ(status(access, {{"Host", "localhost"}}), 401) << "the Host alone says nothing about who calls";
  EXPECT_EQ(status(access, {{"Host", "evil.example"}, {"Authorization", "Bearer manager"}}), 421);
}

TEST(AdminAccess, Challenges_whoever_brings_no_key_and_names_nothing_of_a_bad_one) {
  Access access(false, {});
  access.set(std::make_shared<Keys>(), {}, false);
  const auto refusal =
      access.refuse({{{{"Host", "localhost"}, {"Authorization", "Bearer hunter2"}}}, "GET", "/metrics"}, 0);
  ASSERT_TRUE(refusal);
  ASSERT_EQ(refusal->headers.size(), 1U);
  EXPECT_EQ(refusal->headers.front().name, "WWW-Authenticate");
  EXPECT_EQ(refusal->detail.find("hunter2"), std::string::npos);
}

TEST(AdminAccess, Off_loopback_is_for_nobody_where_nobody_can_prove_anything) {
  const Access access(false, {});
  EXPECT_EQ(status(access, {{"Host", "localhost"}, {"Authorization", "Bearer manager"}}), 401);
}

TEST(AdminAccess, Judges_a_credential_by_the_time_that_it_is) {
  Access access(false, {});
  access.set(std::make_shared<Keys>(), {}, false);
  const Headers headers = {{"Host", "localhost"}, {"Authorization", "Bearer manager"}};
  EXPECT_EQ(status(access, headers, "/metrics", "GET", 1001), 401);
}

TEST(AdminAccess, Lets_orchestrators_probe_by_whatever_address_without_a_key) {
  const Access access(false, {});
  for (const char* path : {"/healthz", "/readyz"}) {
    EXPECT_EQ(status(access, {{"Host", "10.1.2.3:9008"}}, path), 0) << path;
    EXPECT_EQ(status(access, {{"Host", "[2001:db8::3]:9008"}}, path), 0) << path;
    EXPECT_EQ(status(access, {}, path), 0) << "HTTP/1.0, " << path;
    EXPECT_EQ(status(access, {{"Host", "rebound.example"}}, path), 421) << path;
    EXPECT_EQ(status(access, {{"Host", "10.1.2.3:9008"}, {"Origin", "http://evil.example"}}, path), 403) << path;
    EXPECT_EQ(status(access, {{"Host", "10.1.2.3:9008"}}, path, "POST"), 405) << path;
  }
  EXPECT_EQ(status(access, {{"Host", "10.1.2.3:9008"}}, "/metrics"), 421);
  EXPECT_EQ(status(access, {{"Host", "10.1.2.3:9008"}}, "/healthz/../metrics"), 421);
}

TEST(AdminAccess, Follows_a_reload) {
  Access access(true, {"old.example"});
  access.set(nullptr, {"new.example"}, false);
  EXPECT_EQ(status(access, {{"Host", "old.example"}}), 421);
  EXPECT_EQ(status(access, {{"Host", "new.example"}}), 0);
}

}  // namespace
}  // namespace crier::admin
