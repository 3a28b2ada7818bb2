// FormatCache: formats of answers that have been made, by the text of what was asked for, so that a
// client that asks for the same one again does not wait for it. Those that were used last stay.
#pragma once

#include <functional>
#include <list>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "engine/core/result.h"
#include "engine/run/output_format.h"

namespace engine {

// Thread-safe.
class FormatCache {
 public:
  explicit FormatCache(size_t most_bytes = size_t{16} << 20) : most_bytes_(most_bytes) {}

  using Make = std::function<Result<OutputFormat>()>;
  // What make() gave for this key; it is called without a lock, and its errors are not remembered.
  // Two who ask at the same time for what is not there yet both make it.
  Result<OutputFormat> get(const std::string& key, const Make& make);

  struct Counts {
    size_t hits = 0, made = 0;
    size_t entries = 0, bytes = 0;  // now
  };
  Counts counts() const;

 private:
  struct Entry {
    std::string key;
    OutputFormat format;
    size_t bytes;
  };
  void insert(const std::string& key, const OutputFormat& format);

  const size_t most_bytes_;
  mutable std::mutex mutex_;
  std::list<Entry> entries_;  // the one used last in front
  std::unordered_map<std::string_view, std::list<Entry>::iterator> by_key_;  // keys of the entries
  size_t bytes_ = 0, hits_ = 0, made_ = 0;
};

}  // namespace engine
