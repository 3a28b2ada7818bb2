// The weights of a model directory: one safetensors file, or several with an index.
#pragma once

#include <deque>
#include <map>
#include <string>
#include <string_view>

#include "engine/convert/safetensors.h"
#include "engine/core/result.h"

namespace engine::convert {

// Move-only; tensors are valid while it lives.
class Checkpoint {
 public:
  // model.safetensors.index.json decides which files belong to it; without one: model.safetensors,
  // else every model*.safetensors. Errc: not_found (no weights in a form that is read; the message
  // says which other form there is), corrupt (an index that does not fit its files, a tensor that
  // stands in two files), the errors of SafetensorsFile::open().
  static Result<Checkpoint> open(const std::string& dir);
  static Result<Checkpoint> open_file(const std::string& path);

  // By name.
  const std::map<std::string, const SafeTensor*, std::less<>>& tensors() const { return by_name_; }
  const SafeTensor* find(std::string_view name) const;  // nullptr: none
  void drop(std::span<const std::byte> data) const;     // see SafetensorsFile

 private:
  Status add(const std::string& path);
  Status check_index(const std::string& index_path,
                     const std::map<std::string, std::string>& file_of) const;
  std::deque<SafetensorsFile> files_;
  std::map<std::string, const SafeTensor*, std::less<>> by_name_;
};

}  // namespace engine::convert
