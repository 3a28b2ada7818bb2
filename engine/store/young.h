// The one-hour rule: a file that was written or used within the last hour may belong to somebody who
// adds to the store, perhaps another program that knows no lock of ours.
#pragma once

#include <chrono>
#include <filesystem>
#include <system_error>

namespace engine {

// Also what cannot be asked for its time.
inline bool is_young(const std::filesystem::path& file) {
  std::error_code ec;
  const auto time = std::filesystem::last_write_time(file, ec);
  return ec || time > std::filesystem::file_time_type::clock::now() - std::chrono::hours(1);
}

}  // namespace engine
