// Any bytes as a GGUF file: opened, walked to the last element, dumped, and written again.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "gguf/dump.h"
#include "gguf/reader.h"
#include "gguf/writer.h"

namespace {

using namespace engine;

void require(bool cond) {
  if (!cond) std::abort();
}

void walk_value(const gguf::File& file, const gguf::Value& value) {
  const std::optional<gguf::Value> again = file.key(value.key());
  require(again && again->type() == value.type() && again->count() == value.count());
  if (value.element_type() == gguf::Type::str) {
    size_t bytes = 0;
    if (value.is_array())
      for (const std::string_view s : value.strings()) bytes += s.size();
    else
      bytes = value.text().size();
    require(bytes <= file.size());
  } else if (value.count() > 0) {
    (void)value.element(value.count() - 1);
  }
  (void)value.get<uint32_t>();
  (void)value.get<int8_t>();
  (void)value.get<float>();
  (void)value.get<bool>();
  (void)value.get<std::vector<int32_t>>();
  (void)value.get<std::vector<float>>();
  (void)value.get<std::vector<bool>>();
  (void)value.number();
}

// A file made of the keys and tensors of `file` says the same.
void rewrite(const gguf::File& file) {
  gguf::Writer writer;
  for (const gguf::Value& value : file.keys()) writer.copy(value);
  for (const gguf::TensorInfo& t : file.tensors()) {
    const Result<Tensor> view = file.view(t);
    require(static_cast<bool>(view));
    writer.add_tensor(t.name, t.dtype, t.ne, {view->data, view->bytes()});
  }
  const Result<std::vector<std::byte>> bytes = writer.to_bytes();
  require(static_cast<bool>(bytes));
  const Result<gguf::File> again = gguf::File::parse(*bytes);
  require(again && again->keys().size() == file.keys().size() &&
          again->tensors().size() == file.tensors().size());
  for (size_t i = 0; i < file.tensors().size(); ++i) {
    const gguf::TensorInfo a = file.tensors()[i], b = again->tensors()[i];
    require(a.name == b.name && a.dtype == b.dtype && a.bytes == b.bytes && a.offset == b.offset);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const Result<gguf::File> file =
      gguf::File::parse({reinterpret_cast<const std::byte*>(data), size}, "fuzz");
  if (!file) {
    require(!file.error().message.empty() && file.error().message.size() < 1000);
    return 0;
  }
  for (const gguf::Value& value : file->keys()) walk_value(*file, value);
  for (const gguf::TensorInfo& t : file->tensors()) {
    const std::optional<gguf::TensorInfo> found = file->find(t.name);
    require(found && found->index == t.index);
    const Result<Tensor> view = file->view(t);
    require(view && view->bytes() == t.bytes && (t.bytes == 0 || view->rows() > 0));
    unsigned sum = 0;
    for (size_t i = 0; i < view->bytes(); ++i) sum += static_cast<unsigned>(view->data[i]);
    require(sum <= 255 * t.bytes);
  }
  (void)gguf::dump_text(*file);
  (void)gguf::dump_json(*file);
  // An alignment of gigabytes is legal; its padding is not worth writing.
  if (file->alignment() <= 4096 && file->tensors().size() <= 256) rewrite(*file);
  return 0;
}
