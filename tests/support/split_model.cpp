// Shards of equal numbers of tensors.
#include "tests/support/split_model.h"

#include <cstdio>

#include "gguf/reader.h"
#include "gguf/writer.h"

namespace engine::testing {

Result<std::vector<std::string>> split_model(const std::string& path, const std::string& prefix,
                                             int count) {
  ENGINE_TRY(file, gguf::File::open(path));
  std::vector<std::string> out;
  const size_t tensors = file.tensors().size(), shards = static_cast<size_t>(count);
  for (size_t s = 0; s < shards; ++s) {
    gguf::Writer writer;
    if (s == 0)
      for (const gguf::Value value : file.keys()) writer.copy(value);
    writer.set("split.no", static_cast<uint16_t>(s));
    writer.set("split.count", static_cast<uint16_t>(count));
    writer.set("split.tensors.count", static_cast<int32_t>(tensors));
    for (size_t i = tensors * s / shards; i < tensors * (s + 1) / shards; ++i) {
      const gguf::TensorInfo t = file.tensors()[i];
      ENGINE_TRY(view, file.view(t));
      writer.add_tensor(t.name, t.dtype, {t.ne, t.rank},
                        {static_cast<const std::byte*>(view.data), static_cast<size_t>(t.bytes)});
    }
    char name[64];
    std::snprintf(name, sizeof name, "-%05d-of-%05d.gguf", static_cast<int>(s) + 1, count);
    out.push_back(prefix + name);
    ENGINE_TRY_STATUS(writer.write(out.back()));
  }
  return out;
}

}  // namespace engine::testing
