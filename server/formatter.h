// Formatter: turns the events of one answer into the bytes of one protocol
// (NDJSON, one JSON object, later SSE).
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "engine/run/request.h"

namespace engine {

// Used by one session at a time, on its strand.
// Appends to out; may append nothing and keep the event for later.
class Formatter {
 public:
  virtual ~Formatter() = default;
  // true: nothing is written before the end, and the reply has a length instead of chunks.
  virtual bool single() const = 0;
  virtual std::string_view content_type() const = 0;
  virtual void write(const TokenEvent& event, std::string& out) = 0;
  virtual void done(const GenerateStats& stats, std::string& out) = 0;
  // After the first byte of a stream; before it the reply is a plain error with a status.
  virtual void failed(const Error& error, std::string& out) = 0;
  // For the request log, after done().
  virtual std::string note() const { return {}; }
};

}  // namespace engine
