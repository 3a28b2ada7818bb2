#include "kernels/cpu/weights.h"

#include <algorithm>
#include <atomic>

#include "kernels/types/codec.h"

namespace engine::cpu {
namespace {

constexpr size_t kAlign = 64;
// of the source: small enough to balance, large enough to stream
constexpr size_t kTaskBytes = 256 << 10;

struct Job {
  const Tensor* source;  // rows as in the file
  Tensor* out;
  const Pack* pack;  // nullptr: copied, or converted to f32
  size_t offset;     // in the arena
};

struct Task {
  const Job* job;
  Range range;  // panels, or rows
};

int64_t panels(const Tensor& t, int rows) {
  return (t.ne[1] + rows - 1) / rows * t.ne[2] * t.ne[3];
}

// f32 rows [range) of a tensor of any type.
void convert_rows(const Tensor& source, const Tensor& out, Range range) {
  const Codec* c = codec(source.dtype);
  for (int64_t r = range.begin; r < range.end; ++r)
    c->dequant_row(source.row(r), reinterpret_cast<float*>(out.row(r)), source.ne[0]);
}

void run_task(const Task& task) {
  const Job& job = *task.job;
  const bool convert = job.source->dtype != job.out->dtype;
  if (job.pack == nullptr) {
    convert_rows(*job.source, *job.out, task.range);
  } else if (!convert) {
    job.pack->run(*job.source, task.range, job.out->data);
  } else {
    // Reference mode: one panel of f32 rows at a time, packed from a stack of rows that looks like
    // a whole tensor to the packing.
    const int64_t per_matrix = (job.source->ne[1] + job.pack->rows - 1) / job.pack->rows;
    std::vector<float> rows(static_cast<size_t>(job.source->ne[0] * job.pack->rows));
    for (int64_t p = task.range.begin; p < task.range.end; ++p) {
      const int64_t first = p % per_matrix * job.pack->rows;
      const int64_t count = std::min<int64_t>(job.pack->rows, job.source->ne[1] - first);
      const int64_t base = p / per_matrix * job.source->ne[1] + first;
      const Codec* c = codec(job.source->dtype);
      for (int64_t r = 0; r < count; ++r)
        c->dequant_row(job.source->row(base + r), rows.data() + r * job.source->ne[0],
                       job.source->ne[0]);
      const Tensor one = make_tensor(reinterpret_cast<std::byte*>(rows.data()), DType::f32,
                                     job.source->ne[0], count);
      job.pack->run(one, {0, 1}, job.out->data + static_cast<size_t>(p) * job.pack->bytes(one));
    }
  }
}

// What a task reads; empty for rows that do not follow each other.
std::span<const std::byte> source_bytes(const Task& task) {
  const Tensor& t = *task.job->source;
  if (t.nb[2] != t.nb[1] * t.ne[1]) return {};
  Range rows = task.range;
  if (const Pack* pack = task.job->pack) {
    const int64_t per_matrix = panels(t, pack->rows) / (t.ne[2] * t.ne[3]);
    const auto row = [&](int64_t panel) {
      return panel / per_matrix * t.ne[1] + std::min(panel % per_matrix * pack->rows, t.ne[1]);
    };
    rows = {row(task.range.begin), row(task.range.end)};
  }
  return {t.data + rows.begin * t.nb[1], static_cast<size_t>((rows.end - rows.begin) * t.nb[1])};
}

}  // namespace

Result<LoadedWeights> load_weights(std::span<const WeightSource> sources,
                                   const WeightOptions& options, const Registry<Ctx>& registry,
                                   uint64_t features, ThreadPool& pool) {
  LoadedWeights out;
  out.tensors.resize(sources.size());
  std::vector<Job> jobs;
  jobs.reserve(sources.size());
  size_t total = 0;
  for (size_t i = 0; i < sources.size(); ++i) {
    const WeightSource& s = sources[i];
    Tensor& t = out.tensors[i] = s.host;
    const bool vector = !s.matmul && !s.embed;
    if (options.reference || vector) {  // vectors are always f32 for the kernels
      t.dtype = DType::f32;
      t.nb[0] = 4, t.nb[1] = 4 * t.ne[0], t.nb[2] = t.nb[1] * t.ne[1], t.nb[3] = t.nb[2] * t.ne[2];
    }
    const Pack* pack = nullptr;
    if (s.matmul) {
      const Op op = t.ne[2] > 1 ? Op::expert_matmul : Op::matmul;
      const Kernel<Ctx>* k = registry.pick(op, t.dtype, traits(t.dtype).act, nullptr, features);
      if (k == nullptr)
        return Error{Errc::unsupported, std::string("no kernel multiplies with weights of type ") +
                                            display_name(t.dtype)};
      if (options.repack || options.reference) pack = k->pack;
    }
    const bool aligned = reinterpret_cast<uintptr_t>(s.host.data) % 4 == 0;
    if (pack == nullptr && t.dtype == s.host.dtype && aligned) continue;  // read where it lies
    t.pack = pack ? pack->id : 0;
    jobs.push_back({&s.host, &t, pack, total});
    total += align_up(pack ? pack->bytes(t) : t.bytes(), kAlign);
  }
  if (total > 0) {
    ENGINE_TRY(arena, Buffer::allocate(total, true));
    out.bytes = total;
    std::vector<Task> tasks;
    for (Job& job : jobs) {
      job.out->data = arena.data() + job.offset;
      const int64_t n = job.pack ? panels(*job.source, job.pack->rows) : job.source->rows();
      const int64_t step = std::max<int64_t>(
          1, static_cast<int64_t>(kTaskBytes) * n / static_cast<int64_t>(job.source->bytes() + 1));
      for (int64_t at = 0; at < n; at += step)
        tasks.push_back({&job, {at, std::min(n, at + step)}});
    }
    std::atomic<size_t> next{0};
    fork_join(pool, pool.size(), [&](const Team&) {
      for (size_t i; (i = next.fetch_add(1, std::memory_order_relaxed)) < tasks.size();) {
        run_task(tasks[i]);
        if (options.packed) options.packed(source_bytes(tasks[i]));
      }
    });
    out.buffers.push_back(std::move(arena));
  }
  return out;
}

}  // namespace engine::cpu
