// The matcher keeps only text that is a proper beginning of a stop string,
// so a push costs its own length times the stops.
#include "engine/sample/stop.h"

#include <algorithm>
#include <utility>

namespace engine {

StopMatcher::StopMatcher(std::vector<std::string> stops) : stops_(std::move(stops)) {
  std::erase_if(stops_, [](const std::string& s) { return s.empty(); });
}

bool StopMatcher::push(std::string_view text, std::string& out) {
  held_.append(text);
  size_t found = std::string::npos;
  for (const std::string& s : stops_) {
    const size_t at = held_.find(s);
    if (at >= found) continue;  // also when it is nowhere
    found = at;
    found_ = s;
  }
  if (found != std::string::npos) {
    out.append(held_, 0, found);
    held_.clear();
    return true;
  }
  size_t keep = 0;  // longest end of the text that begins a stop string
  for (const std::string& s : stops_)
    for (size_t n = std::min(s.size() - 1, held_.size()); n > keep; --n)
      if (std::string_view(held_).ends_with(std::string_view(s).substr(0, n))) keep = n;
  out.append(held_, 0, held_.size() - keep);
  held_.erase(0, held_.size() - keep);
  return false;
}

std::string StopMatcher::flush() {
  return std::exchange(held_, {});
}

int64_t token_limit(int64_t num_predict, int64_t n_ctx) {
  const int64_t most = 10 * n_ctx;
  return num_predict > 0 ? std::min(num_predict, most) : most;
}

}  // namespace engine
