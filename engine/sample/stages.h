// Candidates, and the stages of the chain that cut them down.
// A row of a whole vocabulary is never sorted as a whole: the order (logit down, id up)
// is established from the front, as far as somebody looks.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "engine/core/row_output.h"

namespace engine {

struct SamplerParams;

class Candidates {
 public:
  void assign(std::span<const Candidate> some);  // in any order
  void assign(std::span<const float> logits);    // the whole vocabulary

  size_t size() const { return c_.size(); }
  // Requires: i < size(). Orders the front up to i.
  const Candidate& operator[](size_t i) {
    if (i >= ordered_) order(i + 1);
    return c_[i];
  }
  std::span<Candidate> raw() { return c_; }  // in any order; for changes before the first look
  template <class F>
  void change(F&& f) {  // f(Candidate&) of each; at any time
    for (Candidate& c : c_) f(c);
    ordered_ = 0;
  }

  void keep_front(size_t n);  // the n best
  void drop_front(size_t n);  // Requires: n < size()
  // those with at least this logit, and always the `least` best
  void keep_above(float logit, size_t least = 1);
  void keep(std::vector<Candidate> chosen) { c_ = std::move(chosen), ordered_ = 0; }

  // Sum of exp((l - l_best) / t).
  double total_weight(float temperature);
  size_t possible() const;  // without those of minus infinity

 private:
  void order(size_t n);

  std::vector<Candidate> c_;
  size_t ordered_ = 0;  // c_[0 .. ordered_) are the best ones, in order
};

// The n best of a row, in order; without those that are impossible (minus infinity, not a number).
std::vector<Candidate> best_of(std::span<const float> logits, size_t n);

// chance: a random number of this step, for a stage that does not always take place.
#define SAMPLER(name) void name(Candidates& candidates, const SamplerParams& params, float chance);
#include "engine/sample/samplers.inc"

// exp((l - best) / t): in float, but sums of them in double.
float weight(const Candidate& c, const Candidate& best, float temperature);

// Of this draw. It varies where dynatemp_range allows that: the more even the distribution, the higher.
float draw_temperature(Candidates& candidates, const SamplerParams& params);

// The first candidate at which the running sum of weights reaches u times their total.
// A temperature of 0: the best. Requires: 0 <= u < 1, not empty.
Token draw(Candidates& candidates, float temperature, double u);

}  // namespace engine
