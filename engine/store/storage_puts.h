// The bodies of parts that a registry sends on to its storage host: several at once, each on a
// thread and a connection of its own.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>

#include "engine/core/result.h"
#include "engine/store/part_body.h"
#include "engine/store/registry_client.h"

namespace engine {

// At most RegistryLimits::storage_puts are on their way. The first error ends all of them; so does
// `cancel`. Used by one thread, which asks for a place before each part.
class StoragePuts {
 public:
  using Report = std::function<void()>;

  StoragePuts(const RegistryClient& client, const std::stop_token& cancel);
  ~StoragePuts();  // ends what still runs

  // Both report now and then while they wait, on the calling thread. Errors: that of the first part
  // that failed, cancelled.
  Status wait_for_place(const Report& report);
  Status wait_for_all(const Report& report);
  // Requires: a place is free. The body outlives this object, and belongs to a thread of it until
  // wait_for_all() has returned. The request carries no Authorization: the address is enough.
  void start(std::string url, PartBody& body);
  // Ends everything. The error that counts: the first one, of which others are consequences.
  Error fail(const Error& error);
  // Asked to stop by `cancel` and by the first error.
  std::stop_token halt() const { return halt_.get_token(); }

 private:
  struct Place {
    Transfer transfer;
    bool busy = false;
    std::jthread thread;
  };
  Status wait(int at_most, const Report& report);
  Place& take_place();
  Status put(Transfer& transfer, const std::string& url, PartBody& body);

  const RegistryClient& client_;
  std::stop_source halt_;
  const std::stop_callback<std::function<void()>> forward_;
  std::mutex mutex_;
  std::condition_variable_any ended_;
  int running_ = 0;
  std::optional<Error> error_;
  std::deque<Place> places_;  // goes first: its threads use all of the above
};

}  // namespace engine
