// The pieces of one answer on their way from the model thread to the thread that asked.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <string>

#include "engine/run/request.h"

namespace engine::capi {

class Stream : public Sink {
 public:
  // Model thread.
  bool room() const override;
  void token(const TokenEvent& event) override;
  void done(const GenerateStats& stats) override;
  void failed(const Error& error) override;

  struct Piece {
    std::string text;
    bool was_full;  // the scheduler must be woken
  };
  // Waits; nullopt: the answer has ended.
  std::optional<Piece> next();
  // Requires: ended.
  const Result<GenerateStats>& outcome() const { return *outcome_; }

 private:
  // An answer may be this far ahead of its reader: enough to hide its wake-up,
  // little to throw away when it cancels.
  static constexpr size_t kAhead = 16;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::string> pieces_;
  std::optional<Result<GenerateStats>> outcome_;
};

}  // namespace engine::capi
