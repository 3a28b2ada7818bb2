// Architectures: one line of archs.inc and one file arch/NAME.cpp each.
#pragma once

#include <span>
#include <string_view>

#include "engine/core/result.h"
#include "engine/model/spec.h"
#include "gguf/reader.h"

namespace engine {

struct ReadOptions {
  int n_ctx = 0;  // configured context: chooses between the short and long RoPE factors
};

struct Arch {
  const char* name;  // general.architecture
  // metadata to flags; every value validated
  Status (*read)(const gguf::File&, const ReadOptions&, ModelSpec&);
};

std::span<const Arch> archs();
const Arch* find_arch(std::string_view name);  // nullptr: unknown

}  // namespace engine
