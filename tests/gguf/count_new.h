// Counts what operator new is asked for, in the whole test program.
#pragma once

#include <cstddef>

namespace engine::gguf {

size_t requested_bytes();  // so far, freed ones included

}  // namespace engine::gguf
