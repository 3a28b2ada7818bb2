// Server: the HTTP server as an object: made, asked for its port, shut down.
// Tests and `serve` use it alike.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/core/log.h"
#include "engine/core/result.h"
#include "engine/core/thread_pool.h"
#include "engine/run/model_pool.h"
#include "server/http/session.h"
#include "server/model_choice.h"

namespace engine {

struct ServerOptions {
  std::string host = "127.0.0.1";  // "": every interface
  uint16_t port = 11434;           // 0: any free one
  std::string origins;             // further CORS origins, comma separated
  std::string api_keys;            // that clients need, comma separated; "": none
  std::string store_root;          // "": the usual place
  LoadOptions load;
  // load.n_ctx was set by the user: requests without num_ctx get exactly that
  bool n_ctx_fixed = false;
  std::string draft;            // path of a draft model for all models; "": none
  bool draft_required = false;  // models that it does not fit fail, instead of going without it
  std::optional<LogLevel> log_level;  // of `serve`; absent: as OLLAMA_DEBUG says
  bool metrics_compat = false;        // metrics under the names of llama.cpp's server too
  PoolOptions pool;
  HttpLimits limits;
  // how long running answers may go on when the server is shut down
  std::chrono::milliseconds shutdown_grace = std::chrono::seconds(3);
  int io_threads = 1, workers = 2;
  // Loaded at the start, and kept: a GGUF file or a name of the store; "": none.
  std::string preload;
  std::string preload_name;        // of a file for clients; "": made from the file name
  ModelChoice choice;              // for the preloaded model, whose path and name are filled in
  std::vector<std::string> files;  // GGUF files to serve beside the store, by their names

  // From the environment, the way `serve` runs. Errc::invalid_argument names the variable.
  static Result<ServerOptions> from_environment();
};

// Thread-safe.
class Server {
 public:
  // Listens when it returns. compute: for all models; outlives the server.
  static Result<std::unique_ptr<Server>> start(const ServerOptions& options, ThreadPool& compute);
  // Shuts down without grace if that has not been done.
  ~Server();

  uint16_t port() const;
  std::string address() const;  // "127.0.0.1:11434"

  // No new connections; running answers may end within the grace, requests that wait for a model
  // get 503; then everything is cancelled and all models are unloaded. Idempotent.
  void shutdown(std::chrono::milliseconds grace);

 private:
  struct Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace engine
