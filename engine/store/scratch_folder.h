// Temporary folders and files under the root of a store, gone when their owner is.
#pragma once

#include <string>
#include <utility>

#include "engine/core/result.h"

namespace engine {

// Folders of conversions begin with it, also those of the programs that share the store.
inline constexpr const char* kConversionFolder = "ollama-safetensors";

class ScratchFolder {
 public:
  // <parent>/<prefix><random>
  static Result<ScratchFolder> create(const std::string& parent, const std::string& prefix);
  ScratchFolder(ScratchFolder&& o) noexcept : path_(std::exchange(o.path_, {})) {}
  ScratchFolder& operator=(ScratchFolder&&) = delete;
  ~ScratchFolder();

  const std::string& path() const { return path_; }
  // `target` under a name in the folder, with folders in between.
  // Requires: the name is relative and goes nowhere else (is_clean_path).
  Status link(const std::string& name, const std::string& target) const;

 private:
  explicit ScratchFolder(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

// A name that no file has yet; a file that gets it is removed at the end, unless it was renamed.
class ScratchFile {
 public:
  // <folder>/<prefix><random>
  static Result<ScratchFile> create(const std::string& folder, const std::string& prefix);
  ScratchFile(ScratchFile&& o) noexcept : path_(std::exchange(o.path_, {})) {}
  ScratchFile& operator=(ScratchFile&&) = delete;
  ~ScratchFile();

  const std::string& path() const { return path_; }

 private:
  explicit ScratchFile(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

// "a/b.json": relative, with slashes, no empty, "." or ".." parts, no backslash, no zero byte.
bool is_clean_path(std::string_view name);

}  // namespace engine
