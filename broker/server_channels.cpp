// The busiest channels of all loops, for whoever watches the broker.
#include <asio/post.hpp>
#include <memory>
#include <utility>

#include "broker/server.hpp"

namespace crier {

namespace {

// Of all loops. Thread: the administrative one.
struct Gathering {
  hub::Busiest busiest;
  std::size_t offered = 0;
  std::size_t loops_left = 0;
  admin::AdminServer::ChannelsCallback answer;
};

}  // namespace

void Server::list_busiest(std::size_t limit, admin::AdminServer::ChannelsCallback answer) {
  auto gathering = std::make_shared<Gathering>(Gathering{hub::Busiest(limit), 0, workers_.size(), std::move(answer)});
  for (const auto& worker : workers_) {
    worker->walk_busiest(hub::Busiest(limit), [this, limit, gathering](hub::Busiest part) {
      asio::post(context_, [limit, gathering, part = std::move(part)]() mutable {
        gathering->offered += part.offered();
        for (hub::BusyChannel& channel : part.take()) gathering->busiest.offer(std::move(channel));
        if (--gathering->loops_left > 0) return;
        gathering->answer(gathering->busiest.take(), gathering->offered > limit);
      });
    });
  }
}

}  // namespace crier
