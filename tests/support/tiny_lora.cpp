#include "tests/support/tiny_lora.h"

#include <deque>

#include "engine/core/half.h"
#include "gguf/writer.h"
#include "tests/support/random.h"

namespace engine::testing {
namespace {

Result<gguf::Writer> writer_of(const gguf::File& base, const TinyLora& o,
                               std::deque<std::vector<std::byte>>& data) {
  gguf::Writer w;
  ENGINE_TRY(arch, base.str("general.architecture"));
  w.set("general.type", std::string_view("adapter"));
  w.set("general.architecture", o.arch.empty() ? arch : std::string_view(o.arch));
  w.set("adapter.type", std::string_view("lora"));
  if (o.alpha != 0) w.set("adapter.lora.alpha", o.alpha);
  test::Rng rng(o.seed);
  const auto add = [&](const std::string& name, int64_t ne0, int64_t ne1, int64_t ne2) {
    const size_t count = static_cast<size_t>(ne0 * ne1 * ne2);
    std::vector<std::byte>& bytes = data.emplace_back(count * (o.half ? 2 : 4));
    for (size_t i = 0; i < count; ++i) {
      const float v = rng.uniform(-o.spread, o.spread);
      if (o.half)
        reinterpret_cast<uint16_t*>(bytes.data())[i] = float_to_half(v);
      else
        reinterpret_cast<float*>(bytes.data())[i] = v;
    }
    const int64_t ne[] = {ne0, ne1, ne2};
    w.add_tensor(name, o.half ? DType::f16 : DType::f32, std::span(ne).first(ne2 > 1 ? 3 : 2),
                 bytes);
  };
  for (const std::string& name : o.weights.empty() ? adaptable_weights(base) : o.weights) {
    auto t = base.find(name);
    if (!t && name == "output.weight") t = base.find("token_embd.weight");
    if (!t) return Error{Errc::not_found, "the base has no tensor " + name};
    const bool table = name == "token_embd.weight";
    add(name + ".lora_a", table ? o.rank : t->ne[0], table ? t->ne[1] : o.rank, t->ne[2]);
    add(name + ".lora_b", o.rank, table ? t->ne[0] : t->ne[1], t->ne[2]);
  }
  return w;
}

}  // namespace

std::vector<std::string> adaptable_weights(const gguf::File& base) {
  std::vector<std::string> out;
  for (const gguf::TensorInfo& t : base.tensors()) {
    const bool product = t.name.starts_with("blk.") && t.name.ends_with(".weight") && t.rank >= 2;
    if (product || t.name == "output.weight" || t.name == "token_embd.weight")
      out.emplace_back(t.name);
  }
  return out;
}

Result<std::vector<std::byte>> make_tiny_lora(const gguf::File& base, const TinyLora& options) {
  std::deque<std::vector<std::byte>> data;
  ENGINE_TRY(w, writer_of(base, options, data));
  return w.to_bytes();
}

Status write_tiny_lora(const std::string& path, const std::string& base_path,
                       const TinyLora& options) {
  std::deque<std::vector<std::byte>> data;
  ENGINE_TRY(base, gguf::File::open(base_path));
  ENGINE_TRY(w, writer_of(base, options, data));
  return w.write(path);
}

}  // namespace engine::testing
