// Answers end here whatever form they have; errors become JSON with the status of their code.
#include "server/reply.h"

#include <nlohmann/json.hpp>

#include "engine/core/log.h"
#include "server/error_map.h"

namespace engine {

Reply::Reply(ReplyPort port, ApiForm form) : port_(std::move(port)), form_(form) {}

Reply::~Reply() {
  if (take()) port_.send(error_response(form_, 500, "internal error"));
}

bool Reply::take() {
  std::lock_guard lock(mutex_);
  return !std::exchange(answered_, true);
}

void Reply::send(HttpResponse response) {
  if (take())
    port_.send(std::move(response));
  else
    log_error("a request was answered twice, the second time with status {}", response.status);
}

void Reply::json(int status, const Json& body) {
  send(json_response(form_, status, body));
}

void Reply::error(int status, std::string_view text) {
  send(error_response(form_, status, text));
}

void Reply::fail(const Error& e) {
  error(http_status(e.code), e.message);
}

void Reply::stream(std::shared_ptr<EventQueue> events, std::unique_ptr<Formatter> formatter) {
  if (take())
    port_.stream(std::move(events), std::move(formatter));
  else
    log_error("a request was answered twice, the second time with a stream");
}

void Reply::on_disconnect(std::function<void()> hook) {
  port_.on_disconnect(std::move(hook));
}

}  // namespace engine
