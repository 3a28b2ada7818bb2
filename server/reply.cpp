// Answers end here whatever form they have; errors become JSON with the status of their code.
#include "server/reply.h"

#include <nlohmann/json.hpp>

#include "engine/core/log.h"
#include "server/error_map.h"

namespace engine {

Reply::Reply(ReplyPort port) : port_(std::move(port)) {}

Reply::~Reply() {
  if (take()) port_.send(json_text_response(500, R"({"error":"internal error"})"));
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
  send(json_text_response(status, dump_json(body)));
}

void Reply::error(int status, std::string_view text) {
  json(status, Json{{"error", std::string(text)}});
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
