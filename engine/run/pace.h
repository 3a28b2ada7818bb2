// PromptPace: how many rows of prompts a step may hold beside sequences that generate, so that those
// wait at most kMost times as long for their next token as without them. Learned from the steps.
// Where all of them have only begun, prompts may take kBurstNs once: of requests that arrive together
// the first would otherwise be written beside the prompts of all others.
#pragma once

#include <cstddef>
#include <cstdint>

namespace engine {

class PromptPace {
 public:
  static constexpr double kMost = 2.5;      // of a step without prompts
  static constexpr size_t kAlone = 512;     // rows of a step where nobody generates
  static constexpr size_t kBeginning = 16;  // while nothing is known
  static constexpr double kBurstNs = 250e6;

  // A step of `generating` sequences with one row each and prompt_rows rows of prompts.
  void add_step(size_t generating, size_t prompt_rows, int64_t ns);
  // Rows of prompts for the next step; at least 1. begun: no sequence has more than its first token.
  size_t rows(size_t generating, bool begun) const;

 private:
  static constexpr size_t kCounts = 64;
  double pure_ns(size_t generating) const;  // 0: unknown
  double pure_ns_[kCounts + 1] = {};        // by sequences; the last: that many and more
  double row_ns_ = 0;                       // of a prompt row beside them, in the latest steps
  double alone_row_ns_ = 0;                 // in steps where nobody generates
};

}  // namespace engine
