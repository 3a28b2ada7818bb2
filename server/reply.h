// Reply: the handle through which a request is answered, once. Whoever holds it may be on any
// thread; the last holder that lets go without an answer makes it a 500.
#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "engine/core/json_io.h"
#include "server/api_form.h"
#include "server/event_queue.h"
#include "server/formatter.h"
#include "server/http/http.h"

namespace engine {

// What a session (or a test) does with an answer. send or stream is called once, on any thread.
struct ReplyPort {
  std::function<void(HttpResponse)> send;
  std::function<void(std::shared_ptr<EventQueue>, std::unique_ptr<Formatter>)> stream;
  std::function<void(std::function<void()>)> on_disconnect;
};

// Thread-safe.
class Reply {
 public:
  explicit Reply(ReplyPort port, ApiForm form = ApiForm::native);
  ~Reply();
  Reply(const Reply&) = delete;
  Reply& operator=(const Reply&) = delete;

  void send(HttpResponse response);
  void json(int status, const Json& body);
  void error(int status, std::string_view text);  // as the API words errors
  void fail(const Error& error);                  // status by error_map
  void stream(std::shared_ptr<EventQueue> events, std::unique_ptr<Formatter> formatter);
  // hook runs once when the client goes away before the end of the answer; at once if it has gone
  // already. A later hook replaces an earlier one.
  void on_disconnect(std::function<void()> hook);

 private:
  bool take();

  ReplyPort port_;
  const ApiForm form_;
  std::mutex mutex_;
  bool answered_ = false;
};

}  // namespace engine
