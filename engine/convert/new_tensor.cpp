#include "engine/convert/new_tensor.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cmath>
#include <cstring>
#include <optional>

#include "engine/core/check.h"
#include "engine/core/half.h"
#include "kernels/types/codec.h"

namespace engine::convert {
namespace {

constexpr int64_t kChunkBytes = int64_t{8} << 20;
constexpr float kLargestHalf = 65504.0f;

// The type of the engine that has the same bytes.
std::optional<DType> same_bytes(SafeType type) {
  switch (type) {
    case SafeType::F32:
      return DType::f32;
    case SafeType::F16:
      return DType::f16;
    case SafeType::BF16:
      return DType::bf16;
    default:
      return std::nullopt;
  }
}

// 1 sign, 4 exponent bits (bias 7), 3 mantissa bits; no infinity, 0x7f is NaN.
float f8_e4m3(uint8_t code) {
  const int exponent = code >> 3 & 15, mantissa = code & 7;
  const float sign = (code & 0x80) != 0 ? -1.0f : 1.0f;
  if (exponent == 15 && mantissa == 7) return std::nanf("");
  if (exponent == 0) return sign * std::ldexp(static_cast<float>(mantissa), -9);
  return sign * std::ldexp(static_cast<float>(8 + mantissa), exponent - 10);
}

struct F8Table {
  float value[256];
  F8Table() {
    for (int i = 0; i < 256; ++i) value[i] = f8_e4m3(static_cast<uint8_t>(i));
  }
};

// n elements from `bytes` on.
void decode(SafeType type, const std::byte* bytes, float* out, int64_t n) {
  if (const std::optional<DType> dtype = same_bytes(type))
    return codec(*dtype)->dequant_row(bytes, out, n);
  if (type == SafeType::F64) {
    for (int64_t i = 0; i < n; ++i) {
      double v;
      std::memcpy(&v, bytes + 8 * i, 8);
      out[i] = static_cast<float>(v);
    }
    return;
  }
  static const F8Table table;
  for (int64_t i = 0; i < n; ++i) out[i] = table.value[static_cast<uint8_t>(bytes[i])];
}

// Where row r of a part comes from.
int64_t source_row(const Part& part, int64_t r) {
  if (part.heads == 0) return part.first + r;
  const int64_t d = part.rows / part.heads, head = r / d, in_head = r % d;
  return head * d + in_head % 2 * (d / 2) + in_head / 2;
}

// Multiplies row `row` of the tensor by the scales of its blocks.
void apply_scale(const Part& part, int64_t row, float* x) {
  const SafeTensor& s = *part.scale;
  const int64_t n = s.elements(), size = type_bytes(s.type);
  float factor = 1;
  const auto load = [&](int64_t i) { decode(s.type, s.data.data() + i * size, &factor, 1); };
  const int64_t tensor_rows = part.tensor->elements() / part.cols;
  const bool per_row = n == tensor_rows && n > 1, blocks = !per_row && n > 1;
  const int64_t width = blocks ? part.scale_block : part.cols;
  const int64_t per_line = (part.cols + width - 1) / width;
  for (int64_t c = 0; c < part.cols; c += width) {
    load(per_row ? row : blocks ? row / part.scale_block * per_line + c / width : 0);
    for (int64_t i = c; i < std::min(c + width, part.cols); ++i) x[i] *= factor;
  }
}

// Row r of the part as floats.
void read_row(const Part& part, int64_t r, float* out) {
  const SafeTensor& t = *part.tensor;
  const int64_t size = type_bytes(t.type), row = source_row(part, r);
  if (part.transposed) {
    for (int64_t c = 0; c < part.cols; ++c)
      decode(t.type, t.data.data() + (c * part.rows + row) * size, out + c, 1);
    return;
  }
  decode(t.type, t.data.data() + row * part.cols * size, out, part.cols);
  if (part.scale != nullptr) apply_scale(part, row, out);
}

// Work over [0, n) in equal shares.
template <class F>
void in_parallel(ThreadPool* pool, int64_t n, F&& body) {
  const int workers =
      pool == nullptr ? 1 : static_cast<int>(std::clamp<int64_t>(n, 1, pool->size()));
  if (workers <= 1) return body(0, n);
  fork_join(*pool, workers,
            [&](const Team& t) { body(n * t.worker / t.workers, n * (t.worker + 1) / t.workers); });
}

Status emit_bytes(std::span<const std::byte> bytes, const Checkpoint& source,
                  const gguf::Emit& out) {
  while (!bytes.empty()) {
    const auto piece = bytes.first(std::min<size_t>(bytes.size(), kChunkBytes));
    ENGINE_TRY_STATUS(out(piece));
    source.drop(piece);
    bytes = bytes.subspan(piece.size());
  }
  return ok;
}

Status emit_part(const NewTensor& t, const Part& part, const Checkpoint& source, ThreadPool* pool,
                 const gguf::Emit& out) {
  const SafeTensor& from = *part.tensor;
  const bool unchanged = same_bytes(from.type) == t.dtype && t.add == 0 && !part.transposed;
  const int64_t in_bytes = part.cols * type_bytes(from.type);
  if (unchanged && part.heads == 0)
    return emit_bytes(from.data.subspan(static_cast<size_t>(part.first * in_bytes),
                                        static_cast<size_t>(part.rows * in_bytes)),
                      source, out);

  const size_t out_bytes = static_cast<size_t>(row_bytes(t.dtype, part.cols));
  const int64_t step = std::max<int64_t>(1, kChunkBytes / (4 * std::max<int64_t>(1, part.cols)));
  std::vector<std::byte> chunk;
  for (int64_t begin = 0; begin < part.rows; begin += step) {
    const int64_t rows = std::min(step, part.rows - begin);
    chunk.resize(static_cast<size_t>(rows) * out_bytes);
    in_parallel(pool, rows, [&](int64_t first, int64_t end) {
      std::vector<float> x(static_cast<size_t>(part.cols));
      for (int64_t r = first; r < end; ++r) {
        std::byte* to = chunk.data() + static_cast<size_t>(r) * out_bytes;
        if (unchanged) {
          std::memcpy(to, from.data.data() + source_row(part, begin + r) * in_bytes, out_bytes);
          continue;
        }
        read_row(part, begin + r, x.data());
        if (t.add != 0)
          for (float& v : x) v += t.add;
        codec(t.dtype)->quantize_row(x.data(), to, part.cols);
      }
    });
    ENGINE_TRY_STATUS(out(chunk));
    // Reordered and transposed rows are near or far: their pages stay until the end.
    if (part.heads == 0 && !part.transposed)
      source.drop(from.data.subspan(static_cast<size_t>((part.first + begin) * in_bytes),
                                    static_cast<size_t>(rows * in_bytes)));
  }
  source.drop(from.data);
  return ok;
}

}  // namespace

int64_t NewTensor::elements() const {
  int64_t n = 1;
  for (const int64_t e : ne) n *= e;
  return n;
}

Status check_readable(const SafeTensor& tensor) {
  if (same_bytes(tensor.type) || tensor.type == SafeType::F64 || tensor.type == SafeType::F8_E4M3)
    return ok;
  return Error{Errc::unsupported,
               fmt::format("tensor '{}' has the type {}; weights must be F32, F16, BF16 or F8_E4M3",
                           tensor.name.substr(0, 128), type_name(tensor.type))};
}

bool fits_half(const NewTensor& tensor, ThreadPool* pool) {
  std::atomic<bool> fits = true;
  for (const Part& part : tensor.parts) {
    if (part.tensor->type == SafeType::F16) continue;
    in_parallel(pool, part.rows, [&](int64_t first, int64_t end) {
      std::vector<float> x(static_cast<size_t>(part.cols));
      for (int64_t r = first; r < end && fits.load(std::memory_order_relaxed); ++r) {
        read_row(part, r, x.data());
        for (const float v : x)
          if (std::isfinite(v) && std::fabs(v + tensor.add) > kLargestHalf) fits = false;
      }
    });
  }
  return fits;
}

Status emit_tensor(const NewTensor& tensor, const Checkpoint& source, ThreadPool* pool,
                   const gguf::Emit& out) {
  if (!tensor.values.empty()) {
    ENGINE_CHECK(tensor.dtype == DType::f32, "values are written as float32");
    return out(std::as_bytes(std::span(tensor.values)));
  }
  for (const Part& part : tensor.parts)
    ENGINE_TRY_STATUS(emit_part(tensor, part, source, pool, out));
  return ok;
}

}  // namespace engine::convert
