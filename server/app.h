// App: what the handlers of one server share. Built by Server, passed down; there are no globals.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "engine/run/model_pool.h"
#include "engine/store/download.h"
#include "engine/store/model_store.h"
#include "server/adapter_scales.h"
#include "server/http/api_keys.h"
#include "server/http/cors.h"
#include "server/http/host_check.h"
#include "server/http/runtime.h"
#include "server/jobs.h"
#include "server/metrics.h"
#include "server/model_cards.h"
#include "server/model_choice.h"

namespace engine {

struct App {
  ModelStore store;
  CorsPolicy cors;
  HostCheck host_check;
  ApiKeys keys;
  LoadOptions load;          // defaults of every load: context, sequences, threads, cache type
  bool n_ctx_fixed = false;  // the context length was set, not chosen automatically
  ModelCards cards;
  Runtime& runtime;
  ModelPool& pool;
  std::string draft = {};       // path of the draft model; "": none
  bool draft_required = false;  // see PoolRequest
  ModelChoice choice = {};
  AdapterScales scales = {};
  // shared with answers, which may outlive the server's other parts
  std::shared_ptr<Metrics> metrics = std::make_shared<Metrics>();
  bool metrics_compat = false;  // see Metrics::text
  std::atomic<bool> shutting_down = false;
  Downloads downloads = {};
  Jobs jobs = {};  // last: they use the rest
};

}  // namespace engine
