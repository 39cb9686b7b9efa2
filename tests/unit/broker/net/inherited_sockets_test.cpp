#include "broker/net/inherited_sockets.hpp"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>

namespace crier::net {
namespace {

// On 127.0.0.1, at a port of the kernel's choice.
int listening_socket() {
  const int descriptor = ::socket(AF_INET, SOCK_STREAM, 0);
  EXPECT_EQ(::listen(descriptor, 1), 0);  // unbound: the kernel binds it to every address
  return descriptor;
}

std::string port_of(int descriptor) {
  sockaddr_in address{};
  socklen_t size = sizeof(address);
  EXPECT_EQ(::getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &size), 0);
  return std::to_string(ntohs(address.sin_port));
}

TEST(InheritedSockets, Are_found_by_where_they_are_bound) {
  InheritedSockets sockets;
  const int descriptor = listening_socket();
  const std::string port = port_of(descriptor);
  ASSERT_TRUE(sockets.add(descriptor));
  EXPECT_EQ(sockets.left(), std::vector<std::string>{"0.0.0.0:" + port});
  EXPECT_FALSE(sockets.take("127.0.0.1:" + port)) << "another address";
  EXPECT_FALSE(sockets.take("0.0.0.0:1")) << "another port";
  EXPECT_FALSE(sockets.take("unix:/tmp/0.0.0.0"));
  EXPECT_EQ(sockets.take("0.0.0.0:" + port), descriptor);
  EXPECT_FALSE(sockets.take("0.0.0.0:" + port)) << "once";
  EXPECT_TRUE(sockets.left().empty());
  ::close(descriptor);
}

TEST(InheritedSockets, Of_any_port_meet_port_0_in_their_order) {
  InheritedSockets sockets;
  const int first = listening_socket();
  const int second = listening_socket();
  ASSERT_TRUE(sockets.add(first));
  ASSERT_TRUE(sockets.add(second));
  EXPECT_EQ(sockets.take("0.0.0.0:0"), first);
  EXPECT_EQ(sockets.take("0.0.0.0:0"), second);
  ::close(first);
  ::close(second);
}

TEST(InheritedSockets, That_nobody_took_are_closed) {
  const int descriptor = listening_socket();
  {
    InheritedSockets sockets;
    ASSERT_TRUE(sockets.add(descriptor));
  }
  EXPECT_NE(::close(descriptor), 0);
}

TEST(InheritedSockets, Refuse_and_close_what_does_not_listen) {
  const int idle = ::socket(AF_INET, SOCK_STREAM, 0);
  const int datagrams = ::socket(AF_INET, SOCK_DGRAM, 0);
  int ends[2] = {-1, -1};
  ASSERT_EQ(::pipe(ends), 0);
  InheritedSockets sockets;
  for (const int descriptor : {idle, datagrams, ends[0]}) {
    const auto added = sockets.add(descriptor);
    ASSERT_FALSE(added);
    EXPECT_TRUE(added.error().starts_with("the descriptor " + std::to_string(descriptor))) << added.error();
    EXPECT_NE(::close(descriptor), 0);
  }
  ::close(ends[1]);
  EXPECT_TRUE(sockets.left().empty());
}

}  // namespace
}  // namespace crier::net
