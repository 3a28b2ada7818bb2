#include "engine/quantize/convert.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstring>

#include "engine/core/clock.h"
#include "engine/core/cpu_info.h"
#include "engine/core/env.h"
#include "engine/quantize/quantizer.h"
#include "kernels/types/codec.h"

namespace engine::quant {
namespace {

// Elements that a thread takes at a time: enough that taking costs nothing.
constexpr int64_t kChunkElements = 32768;

bool all_finite(const float* x, int64_t n) {
  uint32_t bad = 0;
  for (int64_t i = 0; i < n; ++i) {
    const uint32_t exponent = std::bit_cast<uint32_t>(x[i]) & 0x7f800000u;
    bad |= exponent == 0x7f800000u ? 1u : 0u;
  }
  return bad == 0;
}

struct Scales {
  DType type;
  int at[2];  // offsets of half scales in a block; -1: none
};
constexpr Scales kScales[] = {
    {DType::f16, {0, -1}},   {DType::q8_0, {0, -1}},   {DType::q4_0, {0, -1}},
    {DType::q5_0, {0, -1}},  {DType::q4_1, {0, 2}},    {DType::q5_1, {0, 2}},
    {DType::q2_k, {80, 82}}, {DType::q3_k, {108, -1}}, {DType::q4_k, {0, 2}},
    {DType::q5_k, {0, 2}},   {DType::q6_k, {208, -1}}, {DType::iq4_nl, {0, -1}},
    {DType::iq4_xs, {0, -1}}};

uint64_t usable_features() {
  const auto capped = cap_features(cpu_features(), env(Env::ENGINE_ISA));
  return capped ? *capped : 0;
}

enum Trouble : int { none, source_not_finite, scale_not_finite };

}  // namespace

bool is_valid(DType type, std::span<const std::byte> blocks) {
  if (type == DType::bf16) {
    uint32_t bad = 0;
    for (size_t i = 0; i + 2 <= blocks.size(); i += 2) {
      uint16_t h;
      std::memcpy(&h, blocks.data() + i, 2);
      bad |= (h & 0x7f80u) == 0x7f80u ? 1u : 0u;
    }
    return bad == 0;
  }
  for (const Scales& s : kScales) {
    if (s.type != type) continue;
    const size_t step = static_cast<size_t>(traits(type).block_bytes);
    for (const int at : s.at) {
      if (at < 0) continue;
      uint32_t bad = 0;
      for (size_t i = static_cast<size_t>(at); i + 2 <= blocks.size(); i += step) {
        uint16_t h;
        std::memcpy(&h, blocks.data() + i, 2);
        bad |= (h & 0x7c00u) == 0x7c00u ? 1u : 0u;
      }
      if (bad != 0) return false;
    }
  }
  return true;
}

// One slab of rows of a tensor, worked on by all threads; worker 0 first hands on the slab before.
struct Converter::Job {
  const Tensor& source;
  const Quantizer* quantizer;
  const Widener* widener;
  const Codec* codec;
  DType type;
  std::span<const float> importance;
  int64_t first, count, chunk;  // rows
  std::byte* out;
  std::atomic<int64_t> next{0};
  std::atomic<int64_t> bad_row{INT64_MAX};
  std::atomic<int> trouble{none};
  // What worker 0 does before it takes rows.
  std::function<void()> before;
};

Converter::Converter(ThreadPool& pool, size_t buffer_bytes)
    : pool_(pool),
      buffer_bytes_(buffer_bytes),
      features_(usable_features()),
      rows_(static_cast<size_t>(pool.size())) {}

void Converter::work(Job& job, const Team& team) {
  if (team.worker == 0 && job.before) job.before();
  const int64_t n = job.source.ne[0], row_size = row_bytes(job.type, n);
  std::vector<float>& x = rows_[static_cast<size_t>(team.worker)];
  for (;;) {
    const int64_t begin = job.next.fetch_add(job.chunk, std::memory_order_relaxed);
    if (begin >= job.count || job.trouble.load(std::memory_order_relaxed) != none) return;
    for (int64_t r = begin; r < std::min(begin + job.chunk, job.count); ++r) {
      const int64_t row = job.first + r;
      const std::byte* from = job.source.row(row);
      if (job.widener != nullptr)
        job.widener->row(from, x.data(), n);
      else
        job.codec->dequant_row(from, x.data(), n);
      const size_t matrix = static_cast<size_t>(row / job.source.ne[1] % job.source.ne[2]);
      const float* importance = job.importance.empty()
                                    ? nullptr
                                    : job.importance.data() + matrix * static_cast<size_t>(n);
      std::byte* to = job.out + r * row_size;
      int trouble = none;
      if (!all_finite(x.data(), n)) {
        trouble = source_not_finite;
      } else {
        job.quantizer->row(x.data(), importance, to, n);
        if (!is_valid(job.type, {to, static_cast<size_t>(row_size)})) trouble = scale_not_finite;
      }
      if (trouble == none) continue;
      job.bad_row.store(row, std::memory_order_relaxed);
      job.trouble.store(trouble, std::memory_order_relaxed);
      return;
    }
  }
}

Status Converter::convert(const std::string& name, const Tensor& source, DType type,
                          std::span<const float> importance, const EmitRows& emit) {
  const int64_t n = source.ne[0], rows = source.rows(), row_size = row_bytes(type, n);
  if (n == 0 || rows == 0) return ok;
  const Quantizer* quantizer = find_quantizer(type, features_);
  const Widener* widener = find_widener(source.dtype, features_);
  const Codec* code = codec(source.dtype);
  ENGINE_CHECK(quantizer != nullptr && code != nullptr, "types that can be converted");
  for (std::vector<float>& x : rows_)
    if (x.size() < static_cast<size_t>(n)) x.resize(static_cast<size_t>(n));
  const int64_t chunk = std::clamp<int64_t>(kChunkElements / n, 1, rows);
  const int64_t slab_rows =
      std::clamp<int64_t>(static_cast<int64_t>(buffer_bytes_ / 2) / row_size, 1, rows);
  for (std::vector<std::byte>& slab : slabs_) {
    const size_t need = static_cast<size_t>(slab_rows * row_size);
    if (slab.size() < need && (&slab == &slabs_[0] || slab_rows < rows)) slab.resize(need);
  }

  const int64_t begin = now_ns();
  int64_t emitting = 0;
  Status emitted = ok;
  std::span<const std::byte> finished;
  const auto hand_on = [&](int64_t rows_so_far) {
    const int64_t at = now_ns();
    if (!finished.empty() && emitted) emitted = emit(finished, rows_so_far);
    emitting += now_ns() - at;
  };
  int which = 0;
  for (int64_t first = 0; first < rows; first += slab_rows, which ^= 1) {
    Job job{source, quantizer,           widener, code,
            type,   importance,          first,   std::min(slab_rows, rows - first),
            chunk,  slabs_[which].data()};
    job.before = [&] { hand_on(first); };
    const int64_t chunks = (job.count + chunk - 1) / chunk;
    const int workers = static_cast<int>(std::clamp<int64_t>(chunks, 1, pool_.size()));
    fork_join(pool_, workers, [&](const Team& team) { work(job, team); });
    ENGINE_TRY_STATUS(std::move(emitted));
    emitted = ok;
    if (const int trouble = job.trouble.load(); trouble != none) {
      const int64_t row = job.bad_row.load();
      if (trouble == source_not_finite)
        return Error{
            Errc::corrupt,
            fmt::format("tensor '{}', row {}: a number is not finite; the source is damaged", name,
                        row)};
      return Error{
          Errc::corrupt,
          fmt::format("quantized data validation failed: tensor '{}', row {}: a number is too "
                      "large for {}",
                      name, row, traits(type).name)};
    }
    finished = {job.out, static_cast<size_t>(job.count * row_size)};
  }
  busy_ns_ += now_ns() - begin - emitting;
  return emit(finished, rows);
}

}  // namespace engine::quant
