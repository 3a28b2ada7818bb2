#include "engine/capi/handle.h"

#include <algorithm>
#include <exception>
#include <utility>

using engine::Errc;
using engine::Error;
using engine::GenerateStats;
using engine::ok;
using engine::Request;
using engine::RequestId;
using engine::Status;
using engine::capi::Stream;

// A request on its way. However its caller leaves, it has ended and is forgotten afterwards.
class engine_model::Open {
 public:
  Open(engine_model& m, Stream& stream) : m_(m), stream_(stream) {}
  ~Open() {
    if (id_ != 0) {
      m_.scheduler_.cancel(id_);
      while (const auto piece = stream_.next())
        if (piece->was_full) m_.scheduler_.wake(id_);
    }
    std::lock_guard lock(m_.streams_mutex_);
    std::erase(m_.streams_, &stream_);
  }

  Status submit(Request request) {
    {
      std::lock_guard lock(m_.streams_mutex_);
      if (m_.failed_) return Error{Errc::internal, "this model has failed; open it again"};
      m_.streams_.push_back(&stream_);
    }
    id_ = m_.scheduler_.submit(std::move(request));
    return ok;
  }
  RequestId id() const { return id_; }
  void ended() { id_ = 0; }

 private:
  engine_model& m_;
  Stream& stream_;
  RequestId id_ = 0;  // 0: nothing runs
};

engine_model::engine_model(std::unique_ptr<engine::ThreadPool> pool,
                           std::unique_ptr<engine::Model> model)
    : pool_(std::move(pool)),
      model_(std::move(model)),
      scheduler_(*model_),
      thread_([this] { run(); }) {}

engine_model::~engine_model() {
  scheduler_.stop();
  thread_.join();
}

void engine_model::run() {
  try {
    while (scheduler_.wait()) {
      for (bool more = true; more;) {
        std::unique_lock lock(turn_);
        visitors_left_.wait(lock, [&] { return visitors_.load() == 0; });
        more = scheduler_.step();
      }
    }
  } catch (const std::exception& e) {  // memory, if anything
    std::lock_guard lock(streams_mutex_);
    failed_ = true;
    for (Stream* stream : streams_) stream->failed({Errc::out_of_memory, e.what()});
  }
}

Status engine_model::usable() {
  std::lock_guard lock(streams_mutex_);
  if (failed_) return Error{Errc::internal, "this model has failed; open it again"};
  return ok;
}

Status engine_model::answer(Request request, engine_text_callback on_text, void* user,
                            GenerateStats& stats) {
  const auto stream = std::make_shared<Stream>();
  request.sink = stream;
  Open open(*this, *stream);
  ENGINE_TRY_STATUS(open.submit(std::move(request)));
  bool wanted = true;
  while (const auto piece = stream->next()) {
    if (piece->was_full) scheduler_.wake(open.id());
    if (!wanted || on_text == nullptr) continue;
    if (on_text(piece->text.c_str(), piece->text.size(), user) == 0) continue;
    wanted = false;
    scheduler_.cancel(open.id());
  }
  open.ended();
  if (!stream->outcome()) return stream->outcome().error();
  stats = *stream->outcome();
  // The answer may have ended before the cancellation reached it.
  if (!wanted) stats.reason = engine::DoneReason::cancelled;
  return ok;
}
