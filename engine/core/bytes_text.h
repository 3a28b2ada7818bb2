// Sizes in words, the form that listings and messages share: "0 B", "1.5 KB", "98 MB", "1.2 GB".
#pragma once

#include <cstdint>
#include <string>

namespace engine {

// Units of 1000; whole numbers from 10 units on, below that one decimal unless it is whole.
std::string bytes_text(int64_t bytes);

}  // namespace engine
