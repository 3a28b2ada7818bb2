// The objects travel as text events of the queue that carries answers of models as well.
#include "server/status_stream.h"

#include <nlohmann/json.hpp>

namespace engine {
namespace {

class StatusFormatter : public Formatter {
 public:
  explicit StatusFormatter(bool lines) : lines_(lines) {}

  bool single() const override { return !lines_; }
  std::string_view content_type() const override {
    return lines_ ? "application/x-ndjson" : "application/json";
  }
  void write(const TokenEvent& event, std::string& out) override {
    if (lines_)
      out += event.text + "\n";
    else
      last_ = event.text;
  }
  void done(const GenerateStats&, std::string& out) override { out += last_; }
  void failed(const Error& error, std::string& out) override {
    out += dump_json(Json{{"error", error.message}}) + "\n";
  }

 private:
  const bool lines_;
  std::string last_;
};

}  // namespace

StatusStream::StatusStream(Reply& reply, bool lines, JobErrors errors)
    : lines_(lines), errors_(errors), events_(std::make_shared<EventQueue>()) {
  reply.stream(events_, std::make_unique<StatusFormatter>(lines));
}

void StatusStream::send(const Json& object, bool droppable) {
  begun_ = true;
  if (droppable && !events_->room()) return;
  events_->token({-1, dump_json(object)});
}

void StatusStream::finish(const Status& status) {
  if (!status && lines_ && begun_) {
    // An ordinary line, so that the objects before it are written whenever the session looks.
    events_->token({-1, dump_json(Json{{"error", status.error().message}})});
    events_->done({});
  } else if (!status) {
    const bool own = errors_ == JobErrors::by_code;
    events_->failed({own ? status.error().code : Errc::internal, status.error().message});
  } else {
    events_->done({});
  }
}

void run_status_job(App& app, const std::shared_ptr<Reply>& reply, bool lines,
                    std::function<Status(StatusStream& stream, const std::stop_token& cancel)> work,
                    JobErrors errors) {
  const auto stream = std::make_shared<StatusStream>(*reply, lines, errors);
  std::stop_source stop =
      app.jobs.start([stream, work = std::move(work)](const std::stop_token& cancel) {
        stream->finish(work(*stream, cancel));
      });
  reply->on_disconnect([stop]() mutable { stop.request_stop(); });
}

OnTransferStatus report_to(StatusStream& stream) {
  return [&stream](const TransferStatus& s) {
    Json object{{"status", s.status}};
    if (!s.digest.empty()) object["digest"] = s.digest;
    if (s.total > 0) object["total"] = s.total;
    if (s.completed > 0) object["completed"] = s.completed;
    stream.send(object, s.total > 0 && s.completed < s.total);
  };
}

}  // namespace engine
