// Puts the parts together: guards in front of the routes, the trampoline around handlers, and the
// order of starting and stopping.
#include "server/server.h"

#include <fmt/format.h>
#include <unistd.h>

#include <charconv>
#include <condition_variable>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>

#include "engine/core/env.h"
#include "engine/core/json_io.h"
#include "engine/core/log.h"
#include "engine/core/memory.h"
#include "engine/run/cache_type.h"
#include "server/app.h"
#include "server/duration.h"
#include "server/handlers/handlers.h"
#include "server/host_url.h"
#include "server/http/listener.h"
#include "server/http/router.h"
#include "server/request_log.h"
#include "server/upload.h"

namespace engine {
namespace {

constexpr int kAutomaticSequences = 4;

size_t quarter_of_memory() {
  const long pages = sysconf(_SC_PHYS_PAGES), bytes = sysconf(_SC_PAGESIZE);
  return pages > 0 && bytes > 0 ? static_cast<size_t>(pages) / 4 * static_cast<size_t>(bytes)
                                : size_t{1} << 30;
}

// An unsigned number of the environment; `fallback` for empty or unusable text, with a warning.
int env_number(Env which, int fallback) {
  const std::string text = env(which);
  if (text.empty()) return fallback;
  int value = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (ec == std::errc() && end == text.data() + text.size() && value >= 0) return value;
  log_warn("{}=\"{}\" is no number; using {}", env_list()[static_cast<size_t>(which)].name, text,
           fallback);
  return fallback;
}

// Negative means for ever, as in all durations: a day, which no answer takes.
std::chrono::milliseconds bounded_grace(std::chrono::nanoseconds wanted) {
  constexpr std::chrono::nanoseconds kDay = std::chrono::hours(24);
  if (wanted.count() < 0 || wanted > kDay) wanted = kDay;
  return std::chrono::duration_cast<std::chrono::milliseconds>(wanted);
}

// A body for /api/blobs goes to the disk while it arrives, unless the answer is known before.
void open_upload(const ModelStore& store, Uploads& uploads, const HttpRequest& head,
                 SessionHooks::Verdict& verdict) {
  const std::string digest = digest_of_path(head.path);
  const auto refuse = [&](int status, std::string_view text) {
    verdict.reply = error_response(ApiForm::native, status, text);
  };
  if (digest.empty()) return refuse(400, "invalid digest format");
  if (store.blobs().has(digest)) {
    store.blobs().touch(digest);
    verdict.reply = empty_response(200);
    return;
  }
  int64_t size = -1;
  const std::string_view length = head.header("Content-Length");
  std::from_chars(length.data(), length.data() + length.size(), size);
  verdict.sink = uploads.start(digest, size);
  if (!verdict.sink) refuse(503, "server busy: too many uploads, please try again");
}

SessionHooks::Verdict check_guards(const App& app, Uploads& uploads, const HttpRequest& head) {
  CorsPolicy::Verdict cors = app.cors.check(head);
  if (cors.reply) return {std::move(cors.reply), {}};
  const HostCheck::Verdict host = app.host_check.check(head.header("Host"));
  if (host == HostCheck::Verdict::refuse) return {empty_response(403), std::move(cors.headers)};
  if (host == HostCheck::Verdict::allow_name && head.method == "OPTIONS")
    return {empty_response(204), std::move(cors.headers)};
  if (app.shutting_down)
    return {error_response(api_form(head.path), 503, "server is shutting down"),
            std::move(cors.headers)};
  if (!app.keys.allow(head))
    return {unauthorized_response(api_form(head.path)), std::move(cors.headers)};
  const RouteMatch match = find_route(head.method, head.path);
  if (match.handler) {
    SessionHooks::Verdict verdict{std::nullopt, std::move(cors.headers)};
    if (match.handler == handlers::put_blob) open_upload(app.store, uploads, head, verdict);
    return verdict;
  }
  HttpResponse reply = match.allow.empty() ? text_response(404, "404 page not found")
                                           : text_response(405, "405 method not allowed");
  reply.content_type = "text/plain";
  if (!match.allow.empty()) reply.headers.push_back({"Allow", match.allow});
  return {std::move(reply), std::move(cors.headers)};
}

// Runs a handler; whatever it returns or a library throws becomes the reply.
void run_handler(App& app, const HttpRequest& request, const std::shared_ptr<Reply>& reply) {
  const Handler handler = find_route(request.method, request.path).handler;
  if (!handler) return reply->send(text_response(404, "404 page not found"));
  try {
    if (const Status status = handler(app, request, reply); !status) reply->fail(status.error());
  } catch (const std::exception& e) {
    log_error("{} {}: {}", request.method, request.path, e.what());
    reply->error(500, "internal error");
  }
}

// A request that the server asks itself: loads the model, whose failure is logged.
void load_model(App& app, const std::string& name) {
  HttpRequest request;
  request.method = "POST";
  request.path = "/api/generate";
  request.headers = {{"Content-Type", "application/json"}};
  request.body = dump_json({{"model", name}, {"stream", false}});
  request.peer = "start";
  request.arrival = std::chrono::steady_clock::now();
  ReplyPort port;
  port.send = [name](HttpResponse r) {
    if (r.status < 400)
      log_info("{} is loaded", name);
    else
      log_error("{} cannot be loaded: {}", name, r.body);
  };
  port.stream = [](std::shared_ptr<EventQueue>, std::unique_ptr<Formatter>) {};
  port.on_disconnect = [](std::function<void()>) {};
  run_handler(app, request, std::make_shared<Reply>(std::move(port)));
}

}  // namespace

Result<ServerOptions> ServerOptions::from_environment() {
  ServerOptions o;
  if (const auto memory = available_memory(); !memory) return memory.error();  // ENGINE_MEMORY
  const HostUrl url = parse_host_url(env(Env::OLLAMA_HOST));
  if (url.bad_port)
    log_warn("OLLAMA_HOST=\"{}\" has no usable port; using {}", env(Env::OLLAMA_HOST), url.port);
  o.host = url.host;
  o.port = url.port;
  o.origins = env(Env::OLLAMA_ORIGINS);
  o.api_keys = env(Env::ENGINE_API_KEY);
  if (!o.api_keys.empty() && !ApiKeys(o.api_keys).wanted())
    return Error{Errc::invalid_argument,
                 "ENGINE_API_KEY has no key: give one, or several with commas between them"};
  if (const int context = env_number(Env::OLLAMA_CONTEXT_LENGTH, 0); context > 0) {
    o.load.n_ctx = std::max(context, 4);
    o.n_ctx_fixed = true;
  }
  const int parallel = env_number(Env::OLLAMA_NUM_PARALLEL, 0);
  o.load.n_sequences = parallel > 0 ? parallel : kAutomaticSequences;
  o.load.threads = env_number(Env::ENGINE_THREADS, 0);
  if (const std::string kv = env(Env::OLLAMA_KV_CACHE_TYPE); !kv.empty()) {
    const std::optional<DType> type = cache_type(kv);
    o.load.kv_type = type.value_or(DType::f16);
    if (!type)
      log_warn("OLLAMA_KV_CACHE_TYPE=\"{}\" is not available (known: {}); using f16", kv,
               kCacheTypeNames);
  }
  if (const int loaded = env_number(Env::OLLAMA_MAX_LOADED_MODELS, 0); loaded > 0)
    o.pool.max_loaded = loaded;
  o.pool.max_queue = env_number(Env::OLLAMA_MAX_QUEUE, 512);
  if (const std::string keep = env(Env::OLLAMA_KEEP_ALIVE); !keep.empty()) {
    if (const auto d = parse_duration_or_seconds(keep))
      o.pool.keep_alive = *d;
    else
      log_warn("OLLAMA_KEEP_ALIVE=\"{}\" is no duration; using 5m", keep);
  }
  if (const std::string limit = env(Env::OLLAMA_LOAD_TIMEOUT); !limit.empty()) {
    if (const auto d = parse_duration_or_seconds(limit))
      o.pool.load_timeout = *d;
    else
      log_warn("OLLAMA_LOAD_TIMEOUT=\"{}\" is no duration; using 5m", limit);
  }
  if (const auto d = parse_duration_or_seconds(env(Env::ENGINE_SHUTDOWN_GRACE)))
    o.shutdown_grace = bounded_grace(*d);
  else
    log_warn("ENGINE_SHUTDOWN_GRACE=\"{}\" is no duration; using 3s",
             env(Env::ENGINE_SHUTDOWN_GRACE));
  o.metrics_compat = env(Env::ENGINE_METRICS_COMPAT) == "1";
  if (env(Env::ENGINE_SSE_PING) == "0") o.limits.ping = {};
  o.limits.bodies_in_flight = quarter_of_memory();
  ENGINE_TRY_STATUS(CorsPolicy::parse(o.origins));
  return o;
}

struct Server::Impl {
  Impl(const ServerOptions& o, ThreadPool& compute, ModelStore store, CorsPolicy cors)
      : runtime(o.io_threads, o.workers),
        pool(o.pool, compute),
        app{std::move(store),
            std::move(cors),
            HostCheck(o.host),
            ApiKeys(o.api_keys),
            o.load,
            o.n_ctx_fixed,
            {},
            runtime,
            pool,
            o.draft,
            o.draft_required,
            {},
            {},
            std::make_shared<Metrics>(),
            o.metrics_compat},
        uploads(app.store),
        sessions(runtime, o.limits, hooks()) {}

  SessionHooks hooks() {
    SessionHooks h;
    h.check = [this](const HttpRequest& head) { return check_guards(app, uploads, head); };
    h.handle = [this](HttpRequest request, std::shared_ptr<Reply> reply) {
      runtime.post_work([this, request = std::make_shared<HttpRequest>(std::move(request)),
                         reply = std::move(reply)] { run_handler(app, *request, reply); });
    };
    h.log = [this](const RequestRecord& record) {
      log_info("{}", request_line(record));
      const std::string_view route = find_route(record.method, record.target).route;
      app.metrics->request(route.empty() ? "other" : route, record.status, record.duration);
    };
    return h;
  }

  void wait_for_sessions(std::chrono::milliseconds limit) {
    const auto until = std::chrono::steady_clock::now() + limit;
    while (sessions.size() > 0 && std::chrono::steady_clock::now() < until)
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }

  void shutdown(std::chrono::milliseconds grace) {
    std::lock_guard lock(shutdown_mutex);
    if (app.shutting_down.exchange(true)) return;
    if (listener) listener->close();
    sessions.drain();
    pool.close();
    wait_for_sessions(grace);
    sessions.close_all();
    uploads.stop();
    wait_for_sessions(std::chrono::seconds(2));
    app.jobs.stop();
    runtime.stop();
  }

  Runtime runtime;
  ModelPool pool;
  App app;
  Uploads uploads;
  SessionSet sessions;
  std::unique_ptr<Listener> listener;
  std::mutex shutdown_mutex;
};

Result<std::unique_ptr<Server>> Server::start(const ServerOptions& options, ThreadPool& compute) {
  ENGINE_TRY(cors, CorsPolicy::parse(options.origins));
  Result<ModelStore> store = options.store_root.empty()
                                 ? ModelStore::open_default()
                                 : Result<ModelStore>(ModelStore(options.store_root));
  if (!store) return store.error();
  std::string preload = options.preload, path;
  if (!preload.empty()) {
    ENGINE_TRY(located, locate_model(*store, preload));
    path = located.path;
    if (!located.in_store) {
      ENGINE_TRY(mounted, store->mount_file(located.path, options.preload_name));
      preload = mounted.short_form();
    }
  }
  for (const std::string& file : options.files)
    if (const auto mounted = store->mount_file(file); !mounted)
      log_warn("{} is left out: {}", file, mounted.error().message);
  auto impl = std::make_unique<Impl>(options, compute, std::move(*store), std::move(cors));
  impl->app.choice = options.choice;
  impl->app.choice.path = path;
  impl->app.choice.name = preload;
  if (options.choice.chat) impl->app.cards.use_template(path, options.choice.chat);
  ENGINE_TRY(listener, Listener::open(impl->runtime, options.host, options.port, impl->sessions));
  impl->listener = std::move(listener);
  if (!preload.empty()) {
    impl->runtime.post_work([app = &impl->app, preload] { load_model(*app, preload); });
  }
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Server::~Server() {
  shutdown(std::chrono::milliseconds(0));
}

uint16_t Server::port() const {
  return impl_->listener->port();
}
std::string Server::address() const {
  return impl_->listener->address();
}
void Server::shutdown(std::chrono::milliseconds grace) {
  impl_->shutdown(grace);
}

}  // namespace engine
