// Rates of nothing are 0: JSON has no infinity.
#include "server/timings.h"

#include <nlohmann/json.hpp>
#include <string>

namespace engine {
namespace {

void add(const std::string& name, int tokens, int64_t ns, Json& out) {
  const double ms = static_cast<double>(ns) / 1e6;
  out[name + "_n"] = tokens;
  out[name + "_ms"] = ms;
  out[name + "_per_token_ms"] = tokens > 0 ? ms / tokens : 0.0;
  out[name + "_per_second"] = ms > 0 ? tokens * 1e3 / ms : 0.0;
}

}  // namespace

Json timings_json(const GenerateStats& stats) {
  Json out{{"cache_n", stats.cached_tokens}};
  add("prompt", stats.prompt_tokens - stats.cached_tokens, stats.prompt_ns, out);
  add("predicted", stats.output_tokens, stats.output_ns, out);
  if (stats.proposed_tokens > 0) {
    out["draft_n"] = stats.proposed_tokens;
    out["draft_n_accepted"] = stats.accepted_tokens;
  }
  return out;
}

}  // namespace engine
