#include "server/http/answer_writer.h"

#include "server/api_form.h"
#include "server/error_map.h"
#include "server/sse.h"

namespace engine {

void AnswerWriter::begin() {
  finished_ = head_sent_ = begun_ = false;
}

void AnswerWriter::answer(HttpResponse response) {
  if (draining_) request.keep_alive = false;
  request.record.status = response.status;
  request.record.bytes = request.head_only ? 0 : response.body.size();
  out_ += response_head(response, request.headers, BodyForm::length, request.http_minor,
                        request.keep_alive);
  if (!request.head_only) out_ += response.body;
  finished_ = true;
}

void AnswerWriter::refuse(int status, std::string_view text) {
  answer(error_response(api_form(request.record.target), status, text));
}

void AnswerWriter::stream(std::shared_ptr<EventQueue> events,
                          std::unique_ptr<Formatter> formatter) {
  events_ = std::move(events);
  formatter_ = std::move(formatter);
}

bool AnswerWriter::is_event_stream() const {
  return formatter_ && formatter_->content_type() == kEventStream;
}

void AnswerWriter::pump() {
  bool ended = false;
  std::string text = std::move(text_);
  text_.clear();
  for (EventQueue::Event& event : events_->pop()) {
    if (const auto* token = std::get_if<TokenEvent>(&event)) {
      formatter_->write(*token, text);
    } else if (const auto* stats = std::get_if<GenerateStats>(&event)) {
      if (stats->reason == DoneReason::cancelled)
        return fail({Errc::cancelled, "request canceled"}, text);
      formatter_->done(*stats, text);
      request.record.note = formatter_->note();
      ended = true;
    } else {
      return fail(std::get<Error>(event), text);
    }
  }
  if (formatter_->single()) {
    if (!ended) return void(text_ = std::move(text));
    return answer({200, std::string(formatter_->content_type()), {}, std::move(text)});
  }
  begun_ = begun_ || !text.empty();
  send_part(text);
  if (ended) finish_stream();
}

void AnswerWriter::comment() {
  send_part(":\n\n");
}

// Head (once) and the next part of a stream.
void AnswerWriter::send_part(const std::string& text) {
  if (text.empty()) return;
  const bool chunked = request.http_minor != 0;
  if (!head_sent_) {
    head_sent_ = true;
    request.record.status = 200;
    if (!chunked || draining_) request.keep_alive = false;
    HttpResponse head{200, std::string(formatter_->content_type()), {}, {}};
    if (is_event_stream()) {
      head.headers.push_back({"Cache-Control", "no-cache"});
      if (request.keep_alive && chunked) head.headers.push_back({"Connection", "keep-alive"});
    }
    out_ +=
        response_head(head, request.headers, chunked ? BodyForm::chunked : BodyForm::until_close,
                      request.http_minor, request.keep_alive);
  }
  request.record.bytes += text.size();
  out_ += chunked ? chunk(text) : text;
}

void AnswerWriter::finish_stream() {
  if (head_sent_ && request.http_minor == 1) out_ += kLastChunk;
  finished_ = true;
}

void AnswerWriter::fail(const Error& error, std::string& text) {
  request.record.note = error.message;
  // Whatever was formatted before the fault is dropped: a real status says more.
  if (!head_sent_) return refuse(http_status(error.code), error.message);
  // No mark of the protocol ends a stream of events that failed: the end of the connection does.
  if (is_event_stream()) request.keep_alive = false;
  formatter_->failed(error, text);
  send_part(text);
  finish_stream();
}

void AnswerWriter::end_stream(bool cancel) {
  if (events_) {
    events_->set_reader(nullptr);
    if (cancel) events_->cancel();
  }
  events_.reset();
  formatter_.reset();
}

}  // namespace engine
