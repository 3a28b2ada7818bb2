// A place is a connection that is kept; each part that gets it runs on a new thread.
#include "engine/store/storage_puts.h"

#include <algorithm>

#include "engine/store/transfer_status.h"
#include "engine/store/tries.h"

namespace engine {

StoragePuts::StoragePuts(const RegistryClient& client, const std::stop_token& cancel)
    : client_(client), forward_(cancel, [this] { halt_.request_stop(); }) {}

StoragePuts::~StoragePuts() {
  halt_.request_stop();
}

Status StoragePuts::wait_for_place(const Report& report) {
  return wait(client_.limits().storage_puts - 1, report);
}

Status StoragePuts::wait_for_all(const Report& report) {
  return wait(0, report);
}

Status StoragePuts::wait(int at_most, const Report& report) {
  std::unique_lock lock(mutex_);
  while (!ended_.wait_for(lock, halt(), kReportEvery, [&] { return running_ <= at_most; })) {
    if (halt_.stop_requested()) break;
    lock.unlock();
    report();
    lock.lock();
  }
  if (error_) return *error_;
  if (halt_.stop_requested()) return cancelled_error();
  return ok;
}

StoragePuts::Place& StoragePuts::take_place() {
  const std::lock_guard lock(mutex_);
  ++running_;
  ENGINE_CHECK(running_ <= client_.limits().storage_puts, "a part was started without a place");
  auto free = std::find_if(places_.begin(), places_.end(), [](const Place& p) { return !p.busy; });
  Place& place = free == places_.end() ? places_.emplace_back() : *free;
  place.busy = true;
  return place;
}

void StoragePuts::start(std::string url, PartBody& body) {
  Place& place = take_place();
  place.thread = std::jthread([this, &place, &body, url = std::move(url)] {
    if (const Status sent = put(place.transfer, url, body); !sent) fail(sent.error());
    const std::lock_guard lock(mutex_);
    place.busy = false;
    --running_;
    ended_.notify_all();
  });
}

Error StoragePuts::fail(const Error& error) {
  const std::lock_guard lock(mutex_);
  if (!error_) error_ = halt_.stop_requested() ? cancelled_error() : error;
  halt_.request_stop();
  return *error_;
}

Status StoragePuts::put(Transfer& transfer, const std::string& url, PartBody& body) {
  Tries tries(client_.limits(), halt());
  while (true) {
    HttpCall call = body.request("PUT", url);
    call.headers.push_back(client_.user_agent());
    call.stall = client_.limits().stall;
    call.cancel = halt();
    const auto answer = transfer.perform(call);
    if (answer && answer->status / 100 == 2 && body.whole()) return ok;
    ENGINE_TRY_STATUS(
        tries.again(failure_of(answer), answer ? retry_after(*answer) : std::nullopt));
  }
}

}  // namespace engine
