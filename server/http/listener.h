// Listener: the accepting socket. Connections go to a SessionSet.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "engine/core/result.h"
#include "server/http/runtime.h"
#include "server/http/session.h"

namespace engine {

// Thread-safe.
class Listener {
 public:
  // host: an address, a name, or "" for every interface; port 0: any free one.
  // sessions outlives the listener. Errc::io: "listen tcp HOST:PORT: bind: address already in use".
  static Result<std::unique_ptr<Listener>> open(Runtime& runtime, const std::string& host,
                                                uint16_t port, SessionSet& sessions);
  ~Listener();

  std::string address() const;  // as bound, "127.0.0.1:11434"
  uint16_t port() const;
  void close();  // no further connections

 private:
  struct Impl;
  explicit Listener(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace engine
