// Mirostat: in the place of the truncating stages, a cut that is moved after every token so that
// the mean surprise of an answer comes near a target.
#pragma once

#include <cstddef>

#include "engine/sample/stages.h"

namespace engine {

class Mirostat {
 public:
  // version: 0: off, 1 or 2. tau: the target in bits. eta: how fast the cut moves.
  Mirostat(int version, float tau, float eta) : version_(version), tau_(tau), eta_(eta) {}

  bool on() const { return version_ != 0; }
  // Of candidates out of so many tokens. Requires: 0 <= u < 1, the best is possible, temperature > 0.
  Token draw(Candidates& candidates, size_t n_vocab, float temperature, double u);
  double cut() const { return cut_; }

 private:
  size_t kept_by_rank(Candidates& candidates, size_t n_vocab, float temperature) const;
  size_t kept_by_surprise(Candidates& candidates, float temperature) const;

  int version_;
  float tau_, eta_;
  double cut_ = 2.0 * tau_;  // in bits
};

}  // namespace engine
