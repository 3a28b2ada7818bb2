// The client without a server: requests go straight to the handlers, answers come back through the
// same queues and formatters.
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>

#include "engine/core/log.h"
#include "engine/store/link_blob.h"
#include "server/app.h"
#include "server/cli/client.h"
#include "server/cli/interrupt.h"
#include "server/cli/machine.h"
#include "server/http/router.h"
#include "server/reply.h"
#include "server/server.h"

namespace engine::cli {
namespace {

// What a handler answered, filled on any thread.
struct Answer {
  std::mutex mutex;
  std::condition_variable changed;
  std::optional<HttpResponse> response;
  std::shared_ptr<EventQueue> events;
  std::unique_ptr<Formatter> formatter;
  std::function<void()> on_disconnect;
  bool ready = false;  // events wait

  void signal() { changed.notify_all(); }
};

// The only request is the user's, who is told of its failure anyway.
PoolOptions quiet(PoolOptions options) {
  options.logs_failures = false;
  return options;
}

class LocalClient : public Client {
 public:
  LocalClient(const ServerOptions& o, ModelStore store, CorsPolicy cors, const LoadChoice& load)
      : compute_(make_thread_pool(o.load.threads)),
        runtime_(1, 1),
        pool_(quiet(o.pool), *compute_),
        app_{std::move(store),
             std::move(cors),
             HostCheck(o.host),
             ApiKeys(""),
             o.load,
             o.n_ctx_fixed,
             {},
             runtime_,
             pool_,
             o.draft,
             o.draft_required,
             load.choice} {
    if (load.choice.chat) app_.cards.use_template(load.choice.path, load.choice.chat);
  }
  ~LocalClient() override { pool_.close(); }
  bool in_process() const override { return true; }
  ModelStore& store() { return app_.store; }

  Status upload(const std::string& digest, const std::string& file, const Watch& watch) override {
    ENGINE_TRY_STATUS(link_blob(app_.store.blobs(), digest, file, watch));
    return ok;
  }

  Status call(std::string_view method, const std::string& path, const Json* body,
              const OnObject& object) override {
    HttpRequest request;
    request.method = method;
    request.path = path;
    request.headers = {{"Content-Type", "application/json"}};
    if (body != nullptr) request.body = dump_json(*body);
    request.peer = "in-process";
    request.arrival = std::chrono::steady_clock::now();

    const auto answer = std::make_shared<Answer>();
    ReplyPort port;
    port.send = [answer](HttpResponse r) {
      const std::lock_guard lock(answer->mutex);
      answer->response = std::move(r);
      answer->signal();
    };
    port.stream = [answer](std::shared_ptr<EventQueue> events,
                           std::unique_ptr<Formatter> formatter) {
      {
        const std::lock_guard lock(answer->mutex);
        answer->events = events;
        answer->formatter = std::move(formatter);
        answer->ready = true;
        answer->signal();
      }
      // Weak: the answer owns its queue. call() keeps the answer while anybody reads.
      events->set_reader([weak = std::weak_ptr<Answer>(answer)] {
        const std::shared_ptr<Answer> reader = weak.lock();
        if (!reader) return;
        const std::lock_guard lock(reader->mutex);
        reader->ready = true;
        reader->signal();
      });
    };
    port.on_disconnect = [answer](std::function<void()> hook) {
      const std::lock_guard lock(answer->mutex);
      answer->on_disconnect = std::move(hook);
    };
    const Handler handler = find_route(request.method, request.path).handler;
    if (handler == nullptr) return Error{Errc::not_found, "404 page not found"};
    {
      const auto reply = std::make_shared<Reply>(std::move(port));
      if (const Status status = handler(app_, request, reply); !status) reply->fail(status.error());
    }
    return read(*answer, object);
  }

 private:
  // Waits for what comes next, looking for Ctrl-C ten times a second.
  static Status wait(Answer& answer, std::unique_lock<std::mutex>& lock,
                     const std::function<bool()>& done) {
    while (!answer.changed.wait_for(lock, std::chrono::milliseconds(100), done)) {
      if (!interrupted()) continue;
      const auto events = answer.events;
      const auto hook = std::move(answer.on_disconnect);
      lock.unlock();
      if (events) events->cancel();
      if (hook) hook();
      return Error{Errc::cancelled, "interrupted"};
    }
    return ok;
  }

  static Status read(Answer& answer, const OnObject& object) {
    ObjectStream objects(object);
    std::unique_lock lock(answer.mutex);
    ENGINE_TRY_STATUS(wait(answer, lock, [&] { return answer.response || answer.events; }));
    if (answer.response) {
      if (answer.response->status >= 400)
        return answer_error(answer.response->status, answer.response->body);
      objects.push(answer.response->body);
      objects.finish();
      return objects.status();
    }
    while (true) {
      ENGINE_TRY_STATUS(wait(answer, lock, [&] { return answer.ready; }));
      answer.ready = false;
      lock.unlock();
      if (interrupted()) {
        answer.events->cancel();
        return Error{Errc::cancelled, "interrupted"};
      }
      for (const EventQueue::Event& event : answer.events->pop()) {
        std::string text;
        bool last = true;
        if (const auto* token = std::get_if<TokenEvent>(&event)) {
          answer.formatter->write(*token, text);
          last = false;
        } else if (const auto* stats = std::get_if<GenerateStats>(&event)) {
          answer.formatter->done(*stats, text);
        } else {
          return std::get<Error>(event);
        }
        objects.push(text);
        if (!objects.status()) {
          answer.events->cancel();
          return objects.status();
        }
        if (last) {
          objects.finish();
          return objects.status();
        }
      }
      lock.lock();
    }
  }

  std::unique_ptr<ThreadPool> compute_;
  Runtime runtime_;
  ModelPool pool_;
  App app_;
};

}  // namespace

Result<std::unique_ptr<Client>> make_local_client(const std::string& file, std::string* name,
                                                  const LoadChoice& load) {
  ENGINE_TRY(options, ServerOptions::from_environment());
  options.draft = load.draft, options.draft_required = load.draft_required;
  load.apply(options.load);
  options.n_ctx_fixed = options.n_ctx_fixed || load.n_ctx > 0;
  options.load.n_sequences = 1;
  options.pool.keep_alive = kKeepForever;  // the process ends before a model would idle
  ENGINE_TRY(cors, CorsPolicy::parse(options.origins));
  ENGINE_TRY(store, ModelStore::open_default());
  if (!file.empty()) {
    ENGINE_TRY(mounted, store.mount_file(file));
    *name = mounted.short_form();
  }
  return std::unique_ptr<Client>(new LocalClient(options, std::move(store), std::move(cors), load));
}

}  // namespace engine::cli
