// The broken files of docs/GGUF.md that no reader may accept, one per check, in every form (version
// and byte order) that can express it: fed to the reader, to the program and to the server.
#pragma once

#include <functional>
#include <span>

#include "engine/core/result.h"
#include "tests/support/gguf_builder.h"

namespace engine::gguf {

struct HostileFile {
  const char* name;
  Errc code;
  const char* message;  // must be part of the message
  std::function<void(Builder&)> make;
  bool in_v1 = true;  // whether version 1 can express it
};

std::span<const HostileFile> hostile_files();

}  // namespace engine::gguf
