// crier_bench_floor: the least server that could do a WebSocket broker's job, to show what the kernel alone
// costs. No broker with the same system calls can be faster. It does no more than it must:
//
//   GET /sub/CHANNEL     upgrades; the connection is subscribed to CHANNEL
//   GET /pub             upgrades; every frame "CHANNEL PAYLOAD" is published
//
// and each payload goes out as one text frame, built once.
//
//   mode A   one send() for each message and subscriber
//   mode B   the messages of one channel that were read in one round of epoll go out in one send() for each
//            subscriber (the default)
//
// No limits, no timeouts, no UTF-8 checks, no close handshake: not a broker.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

namespace {

constexpr std::size_t request_bytes_max = 16384;
constexpr std::size_t round_bytes_kept_max = 1 << 20;
constexpr unsigned opcode_close = 8;

struct Channel;

// Lives until drop().
struct Client {
  explicit Client(int descriptor) : fd(descriptor) {}

  int fd;
  bool upgraded = false;
  bool publisher = false;
  Channel* channel = nullptr;
  std::size_t index = 0;  // place among the channel's subscribers
  std::string in;         // an unfinished frame
  std::string out;        // what the kernel did not take yet
  std::size_t out_at = 0;
};

struct Channel {
  std::vector<Client*> subscribers;
  std::string round;  // frames of this round, mode B
};

struct Hash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
};

// Frames for other threads: the channel's name, and bytes ready to be sent.
using Batch = std::vector<std::pair<std::string, std::string>>;

// One thread's part.
struct Loop {
  int epoll = ::epoll_create1(EPOLL_CLOEXEC);
  int event = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  std::unordered_map<std::string, Channel, Hash, std::equal_to<>> channels;
  std::vector<Channel*> dirty;
  std::vector<char> buffer = std::vector<char>(256 * 1024);
  std::mutex mutex;
  std::vector<std::shared_ptr<const Batch>> inbox;
  std::shared_ptr<Batch> outbox;
};

struct Server {
  bool coalesce = true;
  std::vector<std::unique_ptr<Loop>> loops;
};

Server server;

std::string accept_key(std::string key) {
  key += "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  ::EVP_Digest(key.data(), key.size(), digest.data(), &size, ::EVP_sha1(), nullptr);
  std::array<unsigned char, 2 * EVP_MAX_MD_SIZE> text{};
  const int length = ::EVP_EncodeBlock(text.data(), digest.data(), static_cast<int>(size));
  return {text.begin(), text.begin() + length};
}

void watch(const Loop& loop, Client& client, std::uint32_t events, int operation = EPOLL_CTL_MOD) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = &client;
  ::epoll_ctl(loop.epoll, operation, client.fd, &event);
}

void drop(Client* client) {
  if (client->channel != nullptr) {
    auto& list = client->channel->subscribers;
    list[client->index] = list.back();
    list[client->index]->index = client->index;
    list.pop_back();
  }
  ::close(client->fd);
  delete client;
}

void send_bytes(const Loop& loop, Client& client, std::string_view bytes) {
  if (!client.out.empty()) {
    client.out.append(bytes);
    return;
  }
  const ssize_t sent = ::send(client.fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  if (sent == static_cast<ssize_t>(bytes.size())) return;
  if (sent < 0 && errno != EAGAIN) return;  // the reading side will see the end
  client.out = bytes.substr(sent > 0 ? static_cast<std::size_t>(sent) : 0);
  watch(loop, client, EPOLLIN | EPOLLOUT);
}

void flush_pending(const Loop& loop, Client& client) {
  const ssize_t sent =
      ::send(client.fd, client.out.data() + client.out_at, client.out.size() - client.out_at, MSG_NOSIGNAL);
  if (sent > 0) client.out_at += static_cast<std::size_t>(sent);
  if (client.out_at < client.out.size()) return;
  std::string().swap(client.out);
  client.out_at = 0;
  watch(loop, client, EPOLLIN);
}

// Frames for one channel reach this thread's subscribers.
void deliver(Loop& loop, std::string_view name, std::string_view frames) {
  const auto found = loop.channels.find(name);
  if (found == loop.channels.end()) return;
  Channel& channel = found->second;
  if (server.coalesce) {
    if (channel.round.empty()) loop.dirty.push_back(&channel);
    channel.round.append(frames);
  } else {
    for (Client* subscriber : channel.subscribers) send_bytes(loop, *subscriber, frames);
  }
}

void end_of_round(Loop& loop) {
  for (Channel* channel : loop.dirty) {
    for (Client* subscriber : channel->subscribers) send_bytes(loop, *subscriber, channel->round);
    channel->round.clear();
    if (channel->round.capacity() > round_bytes_kept_max) channel->round.shrink_to_fit();
  }
  loop.dirty.clear();
  if (!loop.outbox) return;
  for (const auto& other : server.loops) {
    if (other.get() == &loop) continue;
    bool first = false;
    {
      const std::lock_guard lock(other->mutex);
      first = other->inbox.empty();
      other->inbox.push_back(loop.outbox);
    }
    const std::uint64_t one = 1;
    if (first && ::write(other->event, &one, sizeof one) < 0) std::perror("eventfd");
  }
  loop.outbox.reset();
}

void append_frame(std::string& out, std::string_view payload) {
  const std::size_t n = payload.size();
  out += '\x81';
  if (n < 126) {
    out += static_cast<char>(n);
  } else if (n < 65536) {
    out += static_cast<char>(126);
    out += static_cast<char>(n >> 8);
    out += static_cast<char>(n);
  } else {
    out += static_cast<char>(127);
    for (int shift = 56; shift >= 0; shift -= 8) out += static_cast<char>(n >> shift);
  }
  out += payload;
}

void publish(Loop& loop, std::string_view message) {
  const std::size_t space = message.find(' ');
  if (space == std::string_view::npos) return;
  const std::string_view name = message.substr(0, space);
  static thread_local std::string frame;
  frame.clear();
  append_frame(frame, message.substr(space + 1));
  deliver(loop, name, frame);
  if (server.loops.size() > 1) {
    if (!loop.outbox) loop.outbox = std::make_shared<Batch>();
    loop.outbox->emplace_back(name, frame);
  }
}

// Answers the request once it is complete; false closes the connection.
bool upgrade(Loop& loop, Client& client) {
  constexpr std::string_view key_header = "Sec-WebSocket-Key: ";
  constexpr std::string_view subscriber_path = "/sub/";
  const std::size_t end = client.in.find("\r\n\r\n");
  if (end == std::string::npos) return client.in.size() < request_bytes_max;
  std::size_t key = client.in.find(key_header);
  if (key == std::string::npos) return false;
  key += key_header.size();
  const std::string path = client.in.substr(4, client.in.find(' ', 4) - 4);
  const std::string answer =
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
      accept_key(client.in.substr(key, client.in.find('\r', key) - key)) + "\r\n\r\n";
  client.in.erase(0, end + 4);
  client.upgraded = true;
  if (path.starts_with(subscriber_path)) {
    client.channel = &loop.channels[path.substr(subscriber_path.size())];
    client.index = client.channel->subscribers.size();
    client.channel->subscribers.push_back(&client);
  } else {
    client.publisher = true;
  }
  return ::send(client.fd, answer.data(), answer.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(answer.size());
}

// The mask is the four bytes before the payload.
void unmask(char* payload, std::size_t n) {
  std::uint32_t mask = 0;
  std::memcpy(&mask, payload - 4, 4);
  const std::uint64_t mask8 = std::uint64_t{mask} << 32 | mask;
  std::size_t i = 0;
  for (; i + 8 <= n; i += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, payload + i, 8);
    word ^= mask8;
    std::memcpy(payload + i, &word, 8);
  }
  for (; i < n; ++i) payload[i] = static_cast<char>(payload[i] ^ (payload - 4)[i & 3]);
}

// Takes whole frames from the front; the bytes used, or -1 to close the connection.
ssize_t take_frames(Loop& loop, const Client& client, char* p, std::size_t n) {
  std::size_t at = 0;
  while (n - at >= 6) {
    const auto* const bytes = reinterpret_cast<const unsigned char*>(p + at);
    std::size_t length = bytes[1] & 127U;
    std::size_t head = 6;
    if (length == 126) {
      if (n - at < 8) break;
      length = std::size_t{bytes[2]} << 8 | bytes[3];
      head = 8;
    } else if (length == 127) {
      if (n - at < 14) break;
      length = 0;
      for (int i = 2; i < 10; ++i) length = length << 8 | bytes[i];
      head = 14;
    }
    if (n - at - head < length) break;
    const unsigned opcode = bytes[0] & 15U;
    char* const payload = p + at + head;
    unmask(payload, length);
    if (opcode == opcode_close) return -1;
    if (client.publisher && opcode <= 2) publish(loop, {payload, length});
    at += head + length;
  }
  return static_cast<ssize_t>(at);
}

// False closes the connection.
bool readable(Loop& loop, Client& client) {
  const ssize_t received = ::recv(client.fd, loop.buffer.data(), loop.buffer.size(), 0);
  if (received <= 0) return received < 0 && errno == EAGAIN;
  const auto n = static_cast<std::size_t>(received);
  if (client.upgraded && client.in.empty()) {
    const ssize_t used = take_frames(loop, client, loop.buffer.data(), n);
    if (used < 0) return false;
    client.in.assign(loop.buffer.data() + used, n - static_cast<std::size_t>(used));
    return true;
  }
  client.in.append(loop.buffer.data(), n);
  if (!client.upgraded) {
    if (!upgrade(loop, client)) return false;
    if (!client.upgraded) return true;
  }
  const ssize_t used = take_frames(loop, client, client.in.data(), client.in.size());
  if (used < 0) return false;
  client.in.erase(0, static_cast<std::size_t>(used));
  if (client.in.empty()) client.in.shrink_to_fit();
  return true;
}

void take_inbox(Loop& loop) {
  std::uint64_t count = 0;
  if (::read(loop.event, &count, sizeof count) < 0) return;
  std::vector<std::shared_ptr<const Batch>> inbox;
  {
    const std::lock_guard lock(loop.mutex);
    inbox.swap(loop.inbox);
  }
  for (const auto& batch : inbox) {
    for (const auto& [name, frame] : *batch) deliver(loop, name, frame);
  }
}

// Only the first thread accepts; connections go round the threads.
void accept_all(int listener) {
  static std::size_t next = 0;
  for (int fd = -1; (fd = ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    watch(*server.loops[next++ % server.loops.size()], *new Client(fd), EPOLLIN, EPOLL_CTL_ADD);
  }
}

void run(Loop& loop, int listener) {
  std::array<epoll_event, 256> events{};
  while (true) {
    const int n = ::epoll_wait(loop.epoll, events.data(), static_cast<int>(events.size()), -1);
    for (int i = 0; i < n; ++i) {
      const epoll_event& event = events[static_cast<std::size_t>(i)];
      if (event.data.ptr == &loop.event) {
        take_inbox(loop);
      } else if (event.data.ptr == &loop) {
        accept_all(listener);
      } else {
        auto* const client = static_cast<Client*>(event.data.ptr);
        if ((event.events & EPOLLOUT) != 0) flush_pending(loop, *client);
        if ((event.events & ~std::uint32_t{EPOLLOUT}) != 0 && !readable(loop, *client)) drop(client);
      }
    }
    end_of_round(loop);
  }
}

int listen_on(std::uint16_t port) {
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const int on = 1;
  ::setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0) return -1;
  return ::listen(listener, 4096) < 0 ? -1 : listener;
}

void add_to(const Loop& loop, int fd, void* what) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = what;
  ::epoll_ctl(loop.epoll, EPOLL_CTL_ADD, fd, &event);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fputs("usage: crier_bench_floor PORT [A|B] [THREADS]\n", stderr);
    return 1;
  }
  ::signal(SIGPIPE, SIG_IGN);
  server.coalesce = argc < 3 || argv[2][0] != 'A';
  const int threads = argc > 3 ? std::atoi(argv[3]) : 1;
  const int listener = listen_on(static_cast<std::uint16_t>(std::atoi(argv[1])));
  if (listener < 0) {
    std::perror("crier_bench_floor");
    return 1;
  }
  for (int i = 0; i < threads; ++i) {
    Loop& loop = *server.loops.emplace_back(std::make_unique<Loop>());
    add_to(loop, loop.event, &loop.event);
  }
  add_to(*server.loops[0], listener, server.loops[0].get());
  std::vector<std::thread> others;
  for (std::size_t i = 1; i < server.loops.size(); ++i) {
    others.emplace_back([i] { run(*server.loops[i], -1); });
  }
  run(*server.loops[0], listener);
}
