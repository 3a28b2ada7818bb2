// AnswerWriter: the reply to a request as bytes, made of a whole response or of the events of an
// answer as they come. It knows no socket; its session writes the bytes.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/event_queue.h"
#include "server/formatter.h"
#include "server/http/http.h"
#include "server/http/session.h"

namespace engine {

// Used by one session, on its strand.
class AnswerWriter {
 public:
  // draining: the connection closes behind the reply.
  explicit AnswerWriter(const std::atomic<bool>& draining) : draining_(draining) {}

  // What is known of the request, set while it is read.
  struct Request {
    RequestRecord record;
    std::vector<HttpHeader> headers;  // of whatever reply follows
    bool keep_alive = false, head_only = false;
    int http_minor = 1;
  };
  Request request;

  void begin();  // the reply is due
  bool finished() const { return finished_; }

  void answer(HttpResponse response);
  void refuse(int status, std::string_view text);  // as the API of the request words errors
  void stream(std::shared_ptr<EventQueue> events, std::unique_ptr<Formatter> formatter);
  bool streams() const { return events_ != nullptr; }
  // Takes what waits in the queue. Called when the last bytes are written: a slow client fills its
  // queue, not our memory.
  void pump();
  bool is_event_stream() const;
  bool waits_for_first() const { return events_ && !begun_ && !finished_; }
  void comment();  // to an event stream
  // The queue and the formatter are let go. cancel: what computes the answer stops.
  void end_stream(bool cancel);

  void interim(std::string_view text) { out_ += text; }  // in front of the reply
  bool empty() const { return out_.empty(); }
  void take(std::string& out) { out.swap(out_), out_.clear(); }  // what is to be written

 private:
  void send_part(const std::string& text);
  void finish_stream();
  void fail(const Error& error, std::string& text);

  const std::atomic<bool>& draining_;
  std::shared_ptr<EventQueue> events_;
  std::unique_ptr<Formatter> formatter_;
  std::string text_;  // of a single reply, so far
  std::string out_;
  bool head_sent_ = false, finished_ = false, begun_ = false;  // begun_: more than comments
};

}  // namespace engine
