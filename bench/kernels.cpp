// bench_kernels: every matmul kernel of the registry on the shapes of real models, one thread,
// beside Eigen's f32 product.
//   bench_kernels --benchmark_filter=q4_1/avx2      ids as in kernels.inc, then /k:K/out:OUT/n:N
// Weights walk through enough copies to exceed the last-level cache four times, so one-column
// figures are read from memory.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <cstring>
#include <random>
#include <vector>

#include "bench/baselines/eigen.h"
#include "engine/core/arena.h"
#include "engine/core/cpu_info.h"
#include "kernels/cpu/registry.h"
#include "kernels/types/codec.h"

namespace engine::bench {
namespace {

constexpr size_t kColdBytes = size_t{128} << 20;

struct Shape {
  int64_t k, out, n;
};
constexpr Shape kShapes[] = {{576, 1536, 1},  {576, 1536, 512}, {1536, 576, 512},
                             {2048, 2048, 1}, {2048, 2048, 4},  {2048, 2048, 512}};

// Random blocks whose scales are ordinary numbers.
void fill_blocks(DType type, std::byte* out, size_t blocks) {
  std::mt19937 rng(1);
  const DTypeTraits& t = traits(type);
  const Codec* c = codec(type);
  std::vector<float> values(static_cast<size_t>(t.block_elems));
  std::vector<std::byte> pool;
  while (pool.size() < 256u * static_cast<size_t>(t.block_bytes)) {
    std::vector<std::byte> block(static_cast<size_t>(t.block_bytes));
    for (std::byte& b : block) b = static_cast<std::byte>(rng());
    c->dequant_row(block.data(), values.data(), t.block_elems);
    bool fine = true;
    for (float v : values) fine &= v > -4 && v < 4;
    if (fine) pool.insert(pool.end(), block.begin(), block.end());
  }
  for (size_t i = 0; i < blocks; ++i)
    std::memcpy(out + i * static_cast<size_t>(t.block_bytes),
                pool.data() + rng() % 256 * static_cast<size_t>(t.block_bytes),
                static_cast<size_t>(t.block_bytes));
}

void run(benchmark::State& state, const Kernel<cpu::Ctx>* kernel, Shape s) {
  const size_t bytes = static_cast<size_t>(row_bytes(kernel->w, s.k) * s.out);
  auto file = Buffer::allocate(bytes);
  fill_blocks(kernel->w, file->data(), bytes / static_cast<size_t>(traits(kernel->w).block_bytes));
  Tensor w = make_tensor(file->data(), kernel->w, s.k, s.out);
  const size_t one = align_up(kernel->pack ? kernel->pack->bytes(w) : bytes, 64);
  const size_t copies = s.n == 1 ? kColdBytes / one + 1 : 1;
  auto packed = Buffer::allocate(one * copies, true);
  for (size_t i = 0; i < copies; ++i) {
    if (kernel->pack) {
      kernel->pack->run(w, {0, (s.out + kernel->pack->rows - 1) / kernel->pack->rows},
                        packed->data() + i * one);
    } else {
      std::memcpy(packed->data() + i * one, file->data(), bytes);
    }
  }
  auto xf = Buffer::allocate(static_cast<size_t>(s.k * s.n) * 4),
       xq = Buffer::allocate(static_cast<size_t>(s.k * s.n) * 2);
  auto y = Buffer::allocate(static_cast<size_t>(s.out * s.n) * 4);
  std::mt19937 rng(2);
  std::normal_distribution<float> normal;
  for (int64_t i = 0; i < s.k * s.n; ++i) reinterpret_cast<float*>(xf->data())[i] = normal(rng);
  const int32_t rows = static_cast<int32_t>(s.n);
  Tensor x = make_tensor(xf->data(), DType::f32, s.k, s.n);
  std::vector<std::byte> scratch_store;
  cpu::Ctx ctx;
  if (kernel->x == DType::a8x32) {
    Tensor q = make_tensor(xq->data(), DType::a8x32, s.k, s.n);
    const QuantizeArgs args{x, q, &rows, 1};
    for (const Kernel<cpu::Ctx>* k : cpu::all_kernels())
      if (k->op == Op::quantize_act && k->rank == 0) k->run(&args, {0, s.n}, ctx);
    x = q;
  }
  MatmulArgs args{};
  args.w = w, args.w.pack = kernel->pack ? kernel->pack->id : 0;
  args.x = x, args.y = make_tensor(y->data(), DType::f32, s.out, s.n);
  args.micro = kernel->micro, args.n_rows = &rows;
  args.w.data = packed->data();
  if (kernel->scratch) {
    scratch_store.resize(kernel->scratch(&args) + 64);
    ctx.scratch =
        scratch_store.data() + (64 - reinterpret_cast<uintptr_t>(scratch_store.data()) % 64);
  }
  size_t copy = 0;
  for (auto _ : state) {
    args.w.data = packed->data() + copy++ % copies * one;
    kernel->run(&args, {0, kernel->items(&args)}, ctx);
    benchmark::ClobberMemory();
  }
  const double calls = static_cast<double>(state.iterations());
  state.counters["GMAC/s"] = benchmark::Counter(
      static_cast<double>(s.k * s.out * s.n) * calls / 1e9, benchmark::Counter::kIsRate);
  state.counters["GB/s"] =
      benchmark::Counter(static_cast<double>(one) * calls / 1e9, benchmark::Counter::kIsRate);
}

void eigen(benchmark::State& state, Shape s) {
  std::vector<float> w(static_cast<size_t>(s.k * s.out), 0.5f),
      x(static_cast<size_t>(s.k * s.n), 0.25f), y(static_cast<size_t>(s.out * s.n));
  for (auto _ : state) {
    eigen_matmul(w.data(), x.data(), y.data(), s.k, s.out, s.n);
    benchmark::ClobberMemory();
  }
  state.counters["GMAC/s"] = benchmark::Counter(
      static_cast<double>(s.k * s.out * s.n) * static_cast<double>(state.iterations()) / 1e9,
      benchmark::Counter::kIsRate);
}

void register_all() {
  for (const Shape& s : kShapes) {
    const std::string shape = fmt::format("k:{}/out:{}/n:{}", s.k, s.out, s.n);
    benchmark::RegisterBenchmark(fmt::format("eigen/f32/{}", shape).c_str(), eigen, s)
        ->Unit(benchmark::kMicrosecond);
    for (const Kernel<cpu::Ctx>* k : cpu::all_kernels()) {
      if (k->op != Op::matmul || (k->needs & ~cpu_features()) != 0 ||
          s.k % traits(k->w).block_elems != 0)
        continue;
      benchmark::RegisterBenchmark(fmt::format("{}/{}", k->id, shape).c_str(), run, k, s)
          ->Unit(benchmark::kMicrosecond);
    }
  }
}

}  // namespace
}  // namespace engine::bench

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  engine::bench::register_all();
  benchmark::AddCustomContext("cpu", engine::cpu_model_name());
  benchmark::AddCustomContext("features", engine::feature_names(engine::cpu_features()));
  benchmark::RunSpecifiedBenchmarks();
}
