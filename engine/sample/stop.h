// Where an answer ends: stop strings across the borders of tokens, and the limit of tokens. Text
// that could be the start of a stop string is held back.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace engine {

class StopMatcher {
 public:
  explicit StopMatcher(std::vector<std::string> stops);  // empty strings are ignored

  // Appends to out the text that can be released after `text`.
  // true: a stop string was found; it and all behind it are dropped.
  bool push(std::string_view text, std::string& out);
  // The stop string that was found; "" before.
  const std::string& found() const { return found_; }
  // The generation ended otherwise: what was held back.
  std::string flush();

 private:
  std::vector<std::string> stops_;
  std::string held_, found_;
};

// Tokens that a request may generate: num_predict, where 0 and negative mean no limit,
// but never more than ten contexts.
int64_t token_limit(int64_t num_predict, int64_t n_ctx);

}  // namespace engine
