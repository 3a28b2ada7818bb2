#include "engine/run/format_cache.h"

namespace engine {
namespace {

constexpr size_t kOverhead = 256;  // of an entry beside its texts and tables

size_t bytes_of(const std::string& key, const OutputFormat& f) {
  return kOverhead + key.size() + f.key.size() + f.gbnf.size() +
         (f.grammar ? f.grammar->bytes() : 0) + (f.program ? f.program->bytes() : 0);
}

}  // namespace

Result<OutputFormat> FormatCache::get(const std::string& key, const Make& make) {
  {
    const std::lock_guard lock(mutex_);
    if (const auto known = by_key_.find(key); known != by_key_.end()) {
      ++hits_;
      entries_.splice(entries_.begin(), entries_, known->second);
      return entries_.front().format;
    }
  }
  Result<OutputFormat> made = make();
  if (made) insert(key, *made);
  return made;
}

void FormatCache::insert(const std::string& key, const OutputFormat& format) {
  const size_t bytes = bytes_of(key, format);
  std::list<Entry> dropped;  // freed behind the lock
  const std::lock_guard lock(mutex_);
  ++made_;
  if (bytes > most_bytes_ || by_key_.contains(key)) return;
  entries_.push_front({key, format, bytes});
  by_key_.emplace(entries_.front().key, entries_.begin());
  bytes_ += bytes;
  while (bytes_ > most_bytes_) {
    by_key_.erase(entries_.back().key);
    bytes_ -= entries_.back().bytes;
    dropped.splice(dropped.begin(), entries_, std::prev(entries_.end()));
  }
}

FormatCache::Counts FormatCache::counts() const {
  const std::lock_guard lock(mutex_);
  return {hits_, made_, entries_.size(), bytes_};
}

}  // namespace engine
