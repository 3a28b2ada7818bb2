// TeamSize: how many workers a pass over few rows gets. All of them, unless another program keeps a
// core busy: then the worker on that core lets the others wait at every barrier, and fewer workers
// are faster. Results do not depend on their number.
//
// Passes are judged in windows of equal numbers of rows. A window whose mean is far above its best
// pass is suspicious: the next one tries with a worker less, and what is faster stays. A smaller
// team tries the larger one again after a while, less often each time in vain. On an idle machine
// nothing is suspicious and nothing is tried.
#pragma once

#include <algorithm>
#include <cstdint>

namespace engine::cpu {

class TeamSize {
 public:
  explicit TeamSize(int full) : full_(full), size_(full) {}

  // Of the next pass over few rows.
  int workers() const { return size_; }

  // A pass with workers() over `rows` rows took so long.
  void took(int rows, int64_t ns) {
    if (rows != rows_) {  // other work: a new start, with the team as it is
      if (trial_ != 0) size_ -= trial_, trial_ = 0;
      rows_ = rows, best_ = INT64_MAX;
      clear();
    }
    ++passes_, sum_ += ns, lowest_ = std::min(lowest_, ns);
    if (passes_ < (trial_ != 0 ? kTrial : kWindow)) return;
    const int64_t mean = sum_ / passes_;
    if (trial_ != 0)
      end_trial(mean);
    else
      end_window(mean);
    clear();
  }

 private:
  static constexpr int kWindow = 8, kTrial = 4;              // passes
  static constexpr int kPatience = 32, kMostPatience = 256;  // windows

  void clear() { passes_ = 0, sum_ = 0, lowest_ = INT64_MAX; }

  void end_window(int64_t mean) {
    // grows slowly: so do passes, with the context
    best_ = best_ == INT64_MAX ? lowest_ : std::min(best_ + best_ / 50, lowest_);
    if (--patience_ > 0) return;
    if (size_ > 1 && mean > best_ + best_ / 2)
      begin_trial(-1, mean);
    else if (size_ < full_)
      begin_trial(1, mean);
  }

  void begin_trial(int change, int64_t mean) { trial_ = change, size_ += change, before_ = mean; }

  void end_trial(int64_t mean) {
    const bool better = mean < before_ - before_ / 10;
    if (better) {
      best_ = INT64_MAX, wait_ = kPatience;
    } else {
      size_ -= trial_;
      wait_ = std::min(2 * wait_, kMostPatience);
    }
    // a full team may be suspected again at once after it was worth it
    patience_ = better && size_ == full_ ? 0 : wait_;
    trial_ = 0;
  }

  const int full_;
  int size_, rows_ = 0;
  int trial_ = 0;  // -1, 1: the window runs with a worker less, or more, than before
  int patience_ = 0, wait_ = kPatience;  // windows until the next trial
  int passes_ = 0;
  int64_t sum_ = 0, lowest_ = INT64_MAX, best_ = INT64_MAX, before_ = 0;
};

}  // namespace engine::cpu
