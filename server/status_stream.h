// StatusStream: the answer of long work on models (pull, push): status objects as NDJSON, or the
// last one alone.
#pragma once

#include <functional>
#include <memory>
#include <stop_token>

#include "engine/core/json_io.h"
#include "server/app.h"
#include "server/event_queue.h"
#include "server/reply.h"

namespace engine {

// One thread at a time.
class StatusStream {
 public:
  // lines: every object on a line of its own as it comes; else one answer at the end.
  StatusStream(Reply& reply, bool lines);

  // droppable: one of many, left out while the client does not read.
  void send(const Json& object, bool droppable);
  // The end: an error becomes a line after the first object, and status 500 without lines.
  void finish(const Status& status);

 private:
  const bool lines_;
  const std::shared_ptr<EventQueue> events_;
  bool begun_ = false;
};

// Runs work on a job and answers with what it sends. A client that goes away stops its token.
void run_status_job(
    App& app, const std::shared_ptr<Reply>& reply, bool lines,
    std::function<Status(StatusStream& stream, const std::stop_token& cancel)> work);

}  // namespace engine
