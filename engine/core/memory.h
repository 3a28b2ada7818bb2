// Memory of the machine, as far as this process may use it. Thread-safe.
#pragma once

#include <cstddef>
#include <string>

#include "engine/core/result.h"

namespace engine {

// Bytes that can be taken without swapping: free and reclaimable memory of the system,
// less if the limit of the control group is nearer. ENGINE_MEMORY (a size such as 6GiB) caps it.
// Errc::invalid_argument: that is no size.
Result<size_t> available_memory();

// "5.6 GiB", "512.0 MiB"
std::string memory_text(size_t bytes);
// Reads "6GiB", "800 MB", "1.5G" (G, M, K with or without iB are powers of 1024,
// with B alone of 1000), "123456". Errc::invalid_argument.
Result<size_t> parse_memory(const std::string& text);

// Keeps what this process has mapped in memory, also what it touches later of it.
// Errc::io with the limit that stands against it.
Status lock_memory();

}  // namespace engine
