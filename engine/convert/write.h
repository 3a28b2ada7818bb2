// The end of every conversion: types are chosen, and tensors written with their keys.
#pragma once

#include <vector>

#include "engine/convert/convert.h"
#include "engine/convert/new_tensor.h"
#include "gguf/writer.h"

namespace engine::convert {

// Sets the type that a tensor gets by the options, its source and its values.
void choose_type(NewTensor& tensor, const ConvertOptions& options);
// general.file_type: that of the most bytes of matrices; F32 without any.
uint32_t file_type_of(const std::vector<NewTensor>& tensors);
// Adds the tensors and writes the file.
Status write_file(std::vector<NewTensor> tensors, const Checkpoint& source, gguf::Writer& writer,
                  const std::string& out_path, const ConvertOptions& options);

// A tensor made of a whole tensor of the checkpoint, with the same shape.
NewTensor whole_tensor(std::string name, const SafeTensor& source);

}  // namespace engine::convert
