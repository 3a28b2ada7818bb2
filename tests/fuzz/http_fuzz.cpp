// The HTTP layer above the parser of the protocol: guards, routes, the handlers up to the model
// store (which is empty), and the parsers of fields. Input: "METHOD PATH\nheader:
// value\n...\n\nbody". Every request must get exactly one answer, and JSON answers must parse.
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "engine/core/log.h"
#include "server/app.h"
#include "server/base64.h"
#include "server/duration.h"
#include "server/host_url.h"
#include "server/http/router.h"
#include "server/json_fields.h"
#include "server/messages.h"
#include "server/reply.h"

namespace engine {
namespace {

struct World {
  std::unique_ptr<ThreadPool> compute = ThreadPool::create(PoolKind::native, 1);
  Runtime runtime{0, 0};
  ModelPool pool{{}, *compute};
  App app{ModelStore("/dev/null/engine-fuzz"),
          std::move(*CorsPolicy::parse("https://*.example.com")),
          HostCheck("127.0.0.1"),
          ApiKeys(""),
          {},
          false,
          {},
          runtime,
          pool};

  World() { set_log_level(LogLevel::off); }
};

std::string_view take_line(std::string_view& rest) {
  const size_t end = rest.find('\n');
  const std::string_view line = rest.substr(0, end);
  rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
  return line;
}

HttpRequest parse(std::string_view text) {
  HttpRequest r;
  const std::string_view first = take_line(text);
  const size_t blank = first.find(' ');
  r.method = first.substr(0, blank);
  if (blank != std::string_view::npos) r.path = first.substr(blank + 1);
  for (std::string_view line = take_line(text); !line.empty(); line = take_line(text)) {
    const size_t colon = line.find(": ");
    if (colon != std::string_view::npos)
      r.headers.push_back(
          {std::string(line.substr(0, colon)), std::string(line.substr(colon + 2))});
  }
  r.body = text;
  return r;
}

void check_answer(const HttpResponse& response, const CorsPolicy::Verdict& cors) {
  if (response.status < 200 || response.status > 599) std::abort();
  if (response.content_type.starts_with("application/json") && !parse_json(response.body))
    std::abort();
  const std::string head = response_head(response, cors.headers, BodyForm::length, 1, true);
  if (head.find("\r\n\r\n") != head.size() - 4) std::abort();  // no value may end the head early
}

// Each parser on its own, with the whole body.
void fuzz_parsers(std::string_view text) {
  (void)parse_duration(text);
  (void)parse_duration_or_seconds(text);
  (void)parse_host_url(text).authority();
  (void)valid_base64(text);
  HttpRequest request;
  request.body = text;
  const auto body = parse_body(request);
  if (!body) return;
  const JsonFields fields(*body);
  if (const auto list = fields.array("messages"); list)
    if (const auto messages = parse_messages(*list)) (void)with_presets(*messages, "system", "[]");
  if (const auto list = fields.array("tools"); list) (void)parse_tools(*list);
  (void)parse_think(fields.get("think"));
  (void)parse_keep_alive(fields.get("keep_alive"));
}

}  // namespace
}  // namespace engine

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace engine;
  static World world;
  const HttpRequest request = parse({reinterpret_cast<const char*>(data), size});
  fuzz_parsers(request.body);
  const CorsPolicy::Verdict cors = world.app.cors.check(request);
  if (cors.reply) return check_answer(*cors.reply, cors), 0;
  (void)world.app.host_check.check(request.header("Host"));
  const RouteMatch match = find_route(request.method, request.path);
  if (!match.handler) return 0;
  int answers = 0;
  ReplyPort port;
  port.send = [&](HttpResponse response) {
    ++answers;
    check_answer(response, cors);
  };
  port.stream = [&](const std::shared_ptr<EventQueue>&, const std::unique_ptr<Formatter>&) {
    ++answers;
  };
  port.on_disconnect = [](const std::function<void()>&) {};
  {
    const auto reply = std::make_shared<Reply>(std::move(port));
    if (const Status status = match.handler(world.app, request, reply); !status)
      reply->fail(status.error());
  }
  if (answers != 1) std::abort();
  return 0;
}
