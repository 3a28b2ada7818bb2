#include "engine/quantize/quantize.h"

#include <fmt/format.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <cstring>
#include <map>

#include "engine/core/clock.h"
#include "engine/core/memory.h"
#include "engine/quantize/choose.h"
#include "engine/quantize/convert.h"
#include "engine/quantize/split.h"
#include "gguf/override.h"
#include "gguf/writer.h"

namespace engine::quant {
namespace {

// KEY=TYPE:VALUE into the metadata.
Status set_override(gguf::Writer& writer, const std::string& text) {
  ENGINE_TRY(given, gguf::parse_override(text));
  const std::string& key = given.key;
  if (const auto* word = std::get_if<std::string>(&given.value)) {
    writer.set(key, std::string_view(*word));
  } else if (const auto* flag = std::get_if<bool>(&given.value)) {
    writer.set(key, *flag);
  } else if (const auto* number = std::get_if<double>(&given.value)) {
    writer.set(key, static_cast<float>(*number));
  } else {
    const int64_t n = std::get<int64_t>(given.value);
    if (n > int64_t{UINT32_MAX} || n < -int64_t{UINT32_MAX})
      return invalid_argument(fmt::format("override '{}': the number is too large", text));
    writer.set(key, static_cast<uint32_t>(n < 0 ? -n : n));
  }
  return ok;
}

// A list with one element per layer, without those of pruned layers.
template <class T>
Status set_pruned(gguf::Writer& writer, const gguf::Value& value,
                  const std::vector<int64_t>& pruned) {
  ENGINE_TRY(list, value.get<std::vector<T>>());
  std::vector<T> kept;
  for (size_t i = 0; i < list.size(); ++i)
    if (std::ranges::find(pruned, static_cast<int64_t>(i)) == pruned.end()) kept.push_back(list[i]);
  writer.set_array(value.key(), kept);
  return ok;
}

Status copy_key(gguf::Writer& writer, const gguf::Value& value, const std::string& arch,
                int64_t n_layer, const std::vector<int64_t>& pruned) {
  const bool per_layer = !pruned.empty() && value.is_array() &&
                         static_cast<int64_t>(value.count()) == n_layer &&
                         value.key().starts_with(arch + ".");
  if (per_layer) switch (value.element_type()) {
      case gguf::Type::boolean:
        return set_pruned<bool>(writer, value, pruned);
      case gguf::Type::f32:
        return set_pruned<float>(writer, value, pruned);
      case gguf::Type::u32:
        return set_pruned<uint32_t>(writer, value, pruned);
      case gguf::Type::i32:
        return set_pruned<int32_t>(writer, value, pruned);
      default:
        break;
    }
  writer.copy(value);
  return ok;
}

Status copy_metadata(const gguf::File& file, const MixInfo& mix, const QuantizeOptions& o,
                     gguf::Writer& writer) {
  ENGINE_TRY(arch_view, file.str("general.architecture", ""));
  const std::string arch(arch_view);
  ENGINE_TRY(n_layer, file.u32(arch + ".block_count", 0));
  for (const gguf::Value& value : file.keys()) {
    if (value.key().starts_with("split.")) continue;
    ENGINE_TRY_STATUS(copy_key(writer, value, arch, n_layer, o.prune_layers));
  }
  if (!o.copy) {
    writer.set("general.quantization_version", uint32_t{2});
    writer.set("general.file_type", static_cast<uint32_t>(mix.type));
  }
  if (!o.prune_layers.empty())
    writer.set(arch + ".block_count", n_layer - static_cast<uint32_t>(o.prune_layers.size()));
  if (o.importance != nullptr && !o.copy) {
    writer.set("quantize.imatrix.file", std::string_view(o.importance_file).substr(0, 127));
    if (!o.importance->datasets.empty())
      writer.set("quantize.imatrix.dataset",
                 std::string_view(o.importance->datasets[0]).substr(0, 127));
    writer.set("quantize.imatrix.entries_count",
               static_cast<uint32_t>(o.importance->entries.size()));
    if (o.importance->chunk_count > 0)
      writer.set("quantize.imatrix.chunks_count", o.importance->chunk_count);
  }
  for (const std::string& text : o.overrides) ENGINE_TRY_STATUS(set_override(writer, text));
  return ok;
}

// One conversion of a whole file.
class Run {
 public:
  Run(const gguf::File& file, const QuantizeOptions& options, ThreadPool& pool,
      const OnProgress& progress, QuantizeResult& result)
      : file_(file),
        options_(options),
        progress_(progress),
        result_(result),
        converter_(pool, options.buffer_bytes) {}

  // Hands the bytes of tensor i of the output to `emit`.
  Status tensor(size_t i, const gguf::Emit& emit) {
    const TensorChoice& c = result_.tensors[i];
    if (!report(i, true, false, 0)) return cancelled();
    const auto info = file_.find(c.name);
    ENGINE_CHECK(info.has_value(), "a tensor of the file");
    ENGINE_TRY(source, file_.view(*info));
    if (c.from == c.to) {
      ENGINE_TRY_STATUS(copy(i, source, emit));
    } else {
      std::vector<float> importance;
      if (options_.importance != nullptr && !c.no_importance)
        importance = options_.importance->weights(c.name);
      const auto emit_slab = [&](std::span<const std::byte> bytes, int64_t rows) -> Status {
        ENGINE_TRY_STATUS(emit(bytes));
        return report(i, false, false,
                      source.bytes() / static_cast<uint64_t>(source.rows()) *
                          static_cast<uint64_t>(rows))
                   ? Status(ok)
                   : cancelled();
      };
      ENGINE_TRY_STATUS(converter_.convert(c.name, source, c.to, importance, emit_slab));
    }
    file_.drop(*info);
    done_ += c.bytes;
    result_.quantize_ns = converter_.busy_ns();
    return report(i, false, true, 0) ? Status(ok) : cancelled();
  }

 private:
  static Status cancelled() { return Error{Errc::cancelled, "interrupted"}; }

  Status copy(size_t i, const Tensor& source, const gguf::Emit& emit) {
    const std::span<const std::byte> all(source.data, source.bytes());
    constexpr size_t kPiece = size_t{8} << 20;
    for (size_t at = 0; at < all.size(); at += kPiece) {
      ENGINE_TRY_STATUS(emit(all.subspan(at, std::min(kPiece, all.size() - at))));
      if (!report(i, false, false, std::min(at + kPiece, all.size()))) return cancelled();
    }
    return ok;
  }

  bool report(size_t i, bool begins, bool ends, uint64_t of_tensor) {
    return !progress_ || progress_({result_.tensors[i], i, result_.tensors.size(), begins, ends,
                                    done_ + of_tensor, result_.bytes});
  }

  const gguf::File& file_;
  const QuantizeOptions& options_;
  const OnProgress& progress_;
  QuantizeResult& result_;
  Converter converter_;
  uint64_t done_ = 0;
};

}  // namespace

Result<QuantizeResult> quantize_file(const std::vector<std::string>& inputs,
                                     const std::string& output, const MixInfo& mix,
                                     const QuantizeOptions& options, ThreadPool& pool,
                                     const OnProgress& progress) {
  ENGINE_TRY(file, gguf::File::open(inputs));
  QuantizeResult result;
  ENGINE_TRY(choices, choose_types(file, mix, options));
  result.tensors = std::move(choices);
  for (const TensorChoice& c : result.tensors) {
    result.bytes += c.bytes, result.new_bytes += c.new_bytes;
    result.elements += static_cast<uint64_t>(c.ne[0] * c.ne[1] * c.ne[2] * c.ne[3]);
  }
  const int shards = options.keep_split ? static_cast<int>(file.shards()) : 1;
  std::vector<gguf::Writer> writers(static_cast<size_t>(shards));
  for (int s = 0; s < shards; ++s) {
    if (s == 0) ENGINE_TRY_STATUS(copy_metadata(file, mix, options, writers[0]));
    if (shards > 1)
      set_split_keys(writers[static_cast<size_t>(s)], s, shards, result.tensors.size());
    if (s > 0 && file.alignment() != 32)
      writers[static_cast<size_t>(s)].set("general.alignment", file.alignment());
    result.files.push_back(shards > 1 ? split_path(output, s, shards) : output);
    for (const std::string& in : file.paths())
      ENGINE_TRY_STATUS(gguf::check_distinct(in, result.files.back()));
  }
  if (options.dry_run) {
    result.files.clear();
    for (size_t i = 0; i < result.tensors.size() && progress; ++i)
      if (!progress({result.tensors[i], i, result.tensors.size(), true, true, 0, result.bytes}))
        return Error{Errc::cancelled, "interrupted"};
    return result;
  }
  ENGINE_TRY_STATUS(check_space(output, result.new_bytes));

  Run run(file, options, pool, progress, result);
  for (size_t i = 0; i < result.tensors.size(); ++i) {
    const TensorChoice& c = result.tensors[i];
    writers[shards > 1 ? static_cast<size_t>(c.shard) : 0].add_tensor(
        c.new_name, c.to, c.ne, [&run, i](const gguf::Emit& emit) { return run.tensor(i, emit); });
  }
  ENGINE_TRY_STATUS(write_all(writers, result.files));
  return result;
}

}  // namespace engine::quant
