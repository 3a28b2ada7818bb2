// Files named in a prompt: pictures and sounds for models that take them.
#pragma once

#include <string>
#include <vector>

#include "engine/core/json_io.h"
#include "engine/core/result.h"

namespace engine::cli {

struct PromptFile {
  std::string path, bytes;
  bool audio = false;
};
struct PromptWithFiles {
  std::string text;  // without the paths, trimmed
  std::vector<PromptFile> files;
  bool begins_with_file = false;
};

// Paths of existing .jpg, .jpeg, .png, .webp and .wav files; blanks in them may be escaped as a
// shell does. What is no existing file stays text.
// Errors: a file of another type, one above 100 MiB, one that cannot be read.
Result<PromptWithFiles> take_files(const std::string& prompt);

// Whether the model (as /api/show describes it) looks at files at all.
bool takes_files(const Json& shown);
// The field "images" of a request; tells on stderr what was added.
Json files_field(const std::vector<PromptFile>& files);

}  // namespace engine::cli
