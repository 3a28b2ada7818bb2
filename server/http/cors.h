// CORS: which browser origins may use the server, and the headers that tell them so.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/core/result.h"
#include "server/http/http.h"

namespace engine {

class CorsPolicy {
 public:
  // entries: OLLAMA_ORIGINS, comma separated.
  // The local origins and those of desktop applications are always added.
  static Result<CorsPolicy> parse(std::string_view entries);

  bool allows(std::string_view origin) const;

  struct Verdict {
    std::optional<HttpResponse> reply;  // the request ends here: refused, or a preflight
    std::vector<HttpHeader> headers;    // of the reply that a handler will give
  };
  Verdict check(const HttpRequest& request) const;

 private:
  struct Pattern {
    std::string prefix, suffix;
    bool exact;  // prefix alone must match
  };
  std::vector<Pattern> patterns_;
  bool any_ = false;
};

}  // namespace engine
