// What FROM, ADAPTER and DRAFT of a Modelfile name on this machine: files, and directories that are
// searched for weights and what belongs to them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/core/result.h"

namespace engine::cli {

struct LocalFile {
  std::string name;  // for the server: relative, with slashes
  std::string path;
};

// Absolute paths as they are, "~" and "~user" by their homes, others from `folder`.
Result<std::string> expand_path(std::string_view text, const std::string& folder);

enum class FilesOf : uint8_t { model, adapter };

// Of a directory the first kind of weights that is found: safetensors with their configuration, or
// GGUF files. Of a GGUF file that is one part of several, the others beside it too.
// Requires: the path exists. Errors: "no Modelfile or safetensors files found", "insecure path: x"
// for a link that leaves the directory, "invalid content type: ..." for a text in the place of
// weights or the reverse.
Result<std::vector<LocalFile>> find_model_files(const std::string& path, FilesOf use);

}  // namespace engine::cli
