// Models in several files: names and keys of the parts, splitting one file, merging many.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "engine/core/result.h"
#include "gguf/reader.h"
#include "gguf/writer.h"

namespace engine::quant {

// "PREFIX-00001-of-00003.gguf" for part 0 of 3.
std::string split_path(const std::string& prefix, int part, int parts);
void set_split_keys(gguf::Writer& writer, int part, int parts, size_t n_tensors);
// The files that `file`, opened by the name `path`, consists of.

// Errc::io: the folder of `output` has less than `bytes` free.
Status check_space(const std::string& output, uint64_t bytes);
// writers[i] to files[i]; after an error none of them is left.
Status write_all(const std::vector<gguf::Writer>& writers, const std::vector<std::string>& files);

struct SplitOptions {
  int64_t max_tensors = 128;     // of a part
  uint64_t max_bytes = 0;        // of the tensors of a part; 0: max_tensors counts
  bool no_tensor_first = false;  // the first part has metadata only
  bool dry_run = false;
};

struct SplitPart {
  std::string path;
  size_t n_tensors = 0;
  uint64_t bytes = 0;
};

// Bytes written so far and in all; false stops (Errc::cancelled).
using OnBytes = std::function<bool(uint64_t done, uint64_t total)>;

// Errc::already_exists: a part is there already; invalid_argument; io.
Result<std::vector<SplitPart>> split_file(const std::string& input, const std::string& prefix,
                                          const SplitOptions& options, const OnBytes& progress);

struct Merged {
  std::vector<std::string> parts;  // the files that were read
  size_t n_tensors = 0;
  uint64_t bytes = 0;
};

// input: the first part. The order of tensors is that of the parts. Errc::already_exists: output is there already; corrupt: parts are
// missing or do not belong together.
Result<Merged> merge_files(const std::string& input, const std::string& output, bool dry_run,
                           const OnBytes& progress);

}  // namespace engine::quant
