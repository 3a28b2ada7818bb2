// StatusStream: the answer of long work on models (pull, push): status objects as NDJSON, or the
// last one alone.
#pragma once

#include <functional>
#include <memory>
#include <stop_token>

#include "engine/core/json_io.h"
#include "engine/store/transfer_status.h"
#include "server/app.h"
#include "server/event_queue.h"
#include "server/reply.h"

namespace engine {

// The status of a reply that is an error from the start: 500, or by the code of the error.
enum class JobErrors : uint8_t { internal, by_code };

// One thread at a time.
class StatusStream {
 public:
  // lines: every object on a line of its own as it comes; else one answer at the end.
  StatusStream(Reply& reply, bool lines, JobErrors errors = JobErrors::internal);

  // droppable: one of many, left out while the client does not read.
  void send(const Json& object, bool droppable);
  // The end: an error becomes a line after the first object, and a reply with a status without lines.
  void finish(const Status& status);

 private:
  const bool lines_;
  const JobErrors errors_;
  const std::shared_ptr<EventQueue> events_;
  bool begun_ = false;
};

// Runs work on a job and answers with what it sends. A client that goes away stops its token.
void run_status_job(App& app, const std::shared_ptr<Reply>& reply, bool lines,
                    std::function<Status(StatusStream& stream, const std::stop_token& cancel)> work,
                    JobErrors errors = JobErrors::internal);

// The callback of the store as objects of a stream; keys without a value are left out.
OnTransferStatus report_to(StatusStream& stream);

}  // namespace engine
