#include "engine/convert/write.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <numeric>

#include "engine/core/log.h"

namespace engine::convert {
namespace {

struct OutLine {
  const char* name;
  DType dtype;
  uint32_t file_type;
};
constexpr OutLine kOutTypes[] = {
#define OUT_TYPE(name, dtype, file_type) {#name, DType::dtype, file_type},
#include "engine/convert/out_types.inc"
};

bool is_matrix(const NewTensor& t) {
  return t.ne.size() > 1 && t.values.empty();
}

// Small tensors whose values are worth more than their bytes, and all that is no weight of a matrix.
bool stays_f32(const NewTensor& t) {
  const std::string_view name = t.name;
  const bool weight =
      name.ends_with(".weight") || name.ends_with(".lora_a") || name.ends_with(".lora_b");
  return !is_matrix(t) || !weight || name.ends_with("_norm.weight") ||
         name.ends_with("ffn_gate_inp.weight") || name == "position_embd.weight" ||
         name == "token_types.weight";
}

DType type_of_source(const NewTensor& t) {
  const SafeType from = t.parts.front().tensor->type;
  return from == SafeType::BF16 || from == SafeType::F8_E4M3 ? DType::bf16 : DType::f16;
}

}  // namespace

std::optional<OutType> out_type_from_name(std::string_view name) {
  std::string lower(name);
  for (char& c : lower)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  if (lower == "auto") return OutType::automatic;
  for (size_t i = 0; i < std::size(kOutTypes); ++i)
    if (lower == kOutTypes[i].name) return static_cast<OutType>(i + 1);
  return std::nullopt;
}

std::string out_type_names() {
  std::string out = "auto";
  for (const OutLine& line : kOutTypes) out += std::string(", ") + line.name;
  return out;
}

NewTensor whole_tensor(std::string name, const SafeTensor& source) {
  NewTensor t;
  t.name = std::move(name);
  t.ne.assign(source.shape.rbegin(), source.shape.rend());
  if (t.ne.empty()) t.ne = {1};
  const int64_t cols = t.ne[0];
  t.parts.push_back({&source, 0, cols == 0 ? 0 : source.elements() / cols, cols});
  return t;
}

void choose_type(NewTensor& tensor, const ConvertOptions& options) {
  if (stays_f32(tensor)) {
    tensor.dtype = DType::f32;
    return;
  }
  tensor.dtype = options.type == OutType::automatic
                     ? type_of_source(tensor)
                     : kOutTypes[static_cast<size_t>(options.type) - 1].dtype;
  if (tensor.ne[0] % traits(tensor.dtype).block_elems != 0) tensor.dtype = DType::f16;
  if (tensor.dtype == DType::f16 && !fits_half(tensor, options.pool)) {
    log_warn("{} has values beyond what F16 can hold and is written as BF16", tensor.name);
    tensor.dtype = DType::bf16;
  }
}

uint32_t file_type_of(const std::vector<NewTensor>& tensors) {
  std::array<int64_t, std::size(kOutTypes)> elements{};
  for (const NewTensor& t : tensors) {
    const auto line = std::ranges::find(kOutTypes, t.dtype, &OutLine::dtype);
    if (is_matrix(t) && line != std::end(kOutTypes))
      elements[static_cast<size_t>(line - kOutTypes)] += t.elements();
  }
  return kOutTypes[std::ranges::max_element(elements) - elements.begin()].file_type;
}

Status write_file(std::vector<NewTensor> tensors, const Checkpoint& source, gguf::Writer& writer,
                  const std::string& out_path, const ConvertOptions& options) {
  const auto bytes_of = [](const NewTensor& t) {
    return row_bytes(t.dtype, t.ne[0]) * (t.ne[0] == 0 ? 0 : t.elements() / t.ne[0]);
  };
  const int64_t total =
      std::accumulate(tensors.begin(), tensors.end(), int64_t{0},
                      [&](int64_t sum, const NewTensor& t) { return sum + bytes_of(t); });
  int64_t done = 0;
  for (const NewTensor& t : tensors)
    writer.add_tensor(t.name, t.dtype, t.ne, [&, tensor = &t](const gguf::Emit& out) -> Status {
      return emit_tensor(*tensor, source, options.pool,
                         [&](std::span<const std::byte> bytes) -> Status {
                           ENGINE_TRY_STATUS(out(bytes));
                           done += std::ssize(bytes);
                           if (options.progress && !options.progress(done, total))
                             return Error{Errc::cancelled, "the conversion was called off"};
                           return ok;
                         });
    });
  writer.sort_by_layer();
  return writer.write(out_path);
}

}  // namespace engine::convert
