// BodySink: takes the body of a request piece by piece while it arrives, for bodies that do not fit
// into memory.
#pragma once

#include <functional>
#include <memory>
#include <string>

namespace engine {

class Reply;

// All calls come from one connection, one after the other, and none blocks.
class BodySink {
 public:
  enum class Takes : uint8_t {
    more,    // the next piece at once
    later,   // the next piece after on_ready has run
    nothing  // the rest is of no use: the answer is known
  };
  virtual ~BodySink() = default;

  // Before the first piece. ready may be called on any thread, also when nobody waits for it; it
  // is let go after finish, abort, or the last call of it.
  virtual void on_ready(std::function<void()> ready) = 0;
  virtual Takes push(std::string bytes) = 0;
  // What push would say to a further piece.
  virtual Takes state() = 0;
  // The body is complete, or will not be read on after Takes::nothing: the answer is due.
  virtual void finish(std::shared_ptr<Reply> reply) = 0;
  // The client has gone, or its body was no HTTP: there will be no answer.
  virtual void abort() = 0;
};

}  // namespace engine
