#include "engine/capi/stream.h"

#include <utility>

namespace engine::capi {

bool Stream::room() const {
  std::lock_guard lock(mutex_);
  return pieces_.size() < kAhead;
}

void Stream::token(const TokenEvent& event) {
  if (event.text.empty()) return;
  std::lock_guard lock(mutex_);
  pieces_.push_back(event.text);
  changed_.notify_one();
}

void Stream::done(const GenerateStats& stats) {
  std::lock_guard lock(mutex_);
  if (!outcome_) outcome_.emplace(stats);
  changed_.notify_one();
}

void Stream::failed(const Error& error) {
  std::lock_guard lock(mutex_);
  if (!outcome_) outcome_.emplace(error);
  changed_.notify_one();
}

std::optional<Stream::Piece> Stream::next() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return !pieces_.empty() || outcome_; });
  if (pieces_.empty()) return std::nullopt;
  Piece piece{std::move(pieces_.front()), pieces_.size() >= kAhead};
  pieces_.pop_front();
  return piece;
}

}  // namespace engine::capi
