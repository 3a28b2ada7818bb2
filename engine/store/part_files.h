// The files of a download that is not finished, as 1.9 of the format that we share with Ollama has
// them, so that either program resumes what the other began:
//  sha256-<hex>-partial      the blob at its full length, sparse
//  sha256-<hex>-partial-<N>  {"N","Offset","Size","Completed"}: how much of part N is there
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/core/result.h"
#include "engine/store/blobs.h"

namespace engine {

struct Part {
  int n = 0;
  int64_t offset = 0, size = 0;  // of the part in the blob, bytes
  int64_t completed = 0;         // bytes on disk, from offset on
};

// Parts of about total/16 bytes, at least `least` and at most `most`; `wanted`: another number
// than 16.
std::vector<Part> cut_parts(int64_t total, int64_t least, int64_t most, int wanted = 16);

// The JSON of a part and a newline.
std::string part_state_text(const Part& part);

// One blob's files. Holds only paths.
class PartFiles {
 public:
  PartFiles(const BlobFolder& blobs, const std::string& digest);

  const std::string& data_path() const { return data_; }
  // The parts found, by their place in the blob; empty: none. Errc::corrupt: files that are not of
  // one piece (a hole, a part too many, no JSON).
  Result<std::vector<Part>> read() const;
  // Through a temporary name, so that a reader sees the old or the new state. sync: the state
  // survives a power cut.
  Status write(const Part& part, bool sync) const;
  Status write_text(int n, const std::string& text, bool sync) const;  // of part n, the same way
  std::string state_path(int n) const;
  void remove_states() const;  // the part files only
  void remove_all() const;     // and the data

 private:
  std::vector<int> numbers() const;
  std::string folder_, data_, temp_;
};

}  // namespace engine
