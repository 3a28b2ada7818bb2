// Progress of long work on the terminal: one line per item, redrawn ten times a second. On a pipe or
// in a file: one plain line per status and per tenth of a bar, without escape sequences.
#pragma once

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>

#include "engine/core/json_io.h"

namespace engine::cli {

// Used by one thread, but bar() and spin() by any; a thread of its own redraws. Nothing else may be
// written to `out` between the first call and finish(). The destructor finishes.
class ProgressView {
 public:
  explicit ProgressView(std::FILE* out = stderr);
  ~ProgressView();
  ProgressView(const ProgressView&) = delete;
  ProgressView& operator=(const ProgressView&) = delete;

  // One object of a status stream of pull, push or create: {"status", "digest", "total",
  // "completed"}. One with a digest is a bar, shown once something of it is there; the others are
  // spinners.
  void show(const Json& status_object);
  // Own long work with a known size in bytes: quantize, convert, checks. The same message is the
  // same line.
  void bar(const std::string& message, int64_t done, int64_t total);
  // Work of unknown size. Messages that differ only in a percentage at the end are one line; several
  // such lines move side by side until a message without one begins something new.
  void spin(const std::string& message);
  // Stops everything and leaves the lines as they are. Later calls begin below.
  void finish();
  // Stops everything and takes the lines away (on a terminal).
  void clear();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace engine::cli
