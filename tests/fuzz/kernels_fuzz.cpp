// Differential fuzzer: all matmul kernels of one type on the same arbitrary block bytes. A result
// may differ from the scalar one by rounding only, measured against the sum of the magnitudes that
// went into it; where that is no finite number nothing is compared.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "engine/core/cpu_info.h"
#include "kernels/cpu/registry.h"
#include "kernels/types/a8x256.h"
#include "kernels/types/codec.h"

namespace engine {
namespace {

// Input bytes, over again when they are used up.
class Bytes {
 public:
  Bytes(const uint8_t* data, size_t size) : data_(data), size_(size) {}
  uint8_t next() { return size_ == 0 ? 0 : data_[at_++ % size_]; }
  void fill(std::byte* out, size_t n) {
    for (size_t i = 0; i < n; ++i) out[i] = static_cast<std::byte>(next());
  }

 private:
  const uint8_t* data_;
  size_t size_, at_ = 0;
};

// Memory of whole cache lines that starts on one.
struct Lines {
  explicit Lines(size_t bytes)
      : size(bytes), data(static_cast<std::byte*>(std::aligned_alloc(64, (bytes + 64) / 64 * 64))) {
    std::memset(data, 0, bytes);
  }
  Lines(const Lines&) = delete;
  ~Lines() { std::free(data); }
  size_t size;
  std::byte* data;
};

struct Shape {
  DType type;
  int64_t k, out, n;
};

Shape choose_shape(Bytes& in) {
  std::vector<DType> types;
  for (int t = 0; t < static_cast<int>(DType::count_); ++t) {
    if (traits(static_cast<DType>(t)).computable) types.push_back(static_cast<DType>(t));
  }
  const DType type = types[in.next() % types.size()];
  const int64_t block = traits(type).block_elems, unit = block < 32 ? 32 : block;
  return {type, unit * (1 + in.next() % 4), 1 + in.next() % 20, 1 + in.next() % 20};
}

int64_t column_stride(const Shape& s) {
  return (row_bytes(traits(s.type).act, s.k) + 63) / 64 * 64;
}

// A column with the promises of its type: codes in [-127, 127] and sums that fit;
// floats are finite.
void fill_column(const Shape& s, Bytes& in, std::byte* column) {
  if (traits(s.type).act == DType::f32) {
    float* x = reinterpret_cast<float*>(column);
    for (int64_t i = 0; i < s.k; ++i)
      x[i] = std::ldexp(static_cast<float>(static_cast<int8_t>(in.next())), in.next() % 16 - 8);
    return;
  }
  const int64_t block = traits(traits(s.type).act).block_elems;
  int8_t* q = reinterpret_cast<int8_t*>(column);
  float* d = reinterpret_cast<float*>(column + s.k);
  for (int64_t i = 0; i < s.k; ++i) {
    const int v = static_cast<int8_t>(in.next());
    q[i] = static_cast<int8_t>(v < -127 ? -127 : v);
  }
  const auto sum = [q](int64_t from, int n) {
    int total = 0;
    for (int64_t i = from; i < from + n; ++i) total += q[i];
    return total;
  };
  for (int64_t b = 0; b < s.k / block; ++b) d[b] = std::ldexp(1.0f, in.next() % 16 - 12);
  if (block == 32) {
    int32_t* shift = reinterpret_cast<int32_t*>(d + s.k / 16);
    for (int64_t b = 0; b < s.k / 32; ++b) {
      d[s.k / 32 + b] = d[b] * static_cast<float>(sum(32 * b, 32));
      shift[b] = -128 * sum(32 * b, 32);
    }
    return;
  }
  int32_t* total = reinterpret_cast<int32_t*>(d + s.k / 256);
  int32_t* lift = total + s.k / 256;
  BlockSums* sums = reinterpret_cast<BlockSums*>(lift + s.k / 32);
  int32_t* shift = reinterpret_cast<int32_t*>(sums + s.k / 256);
  WholeSums* whole = reinterpret_cast<WholeSums*>(shift + s.k / 16);
  const auto split = [](int sum, int8_t* high, int8_t* low) {
    *high = static_cast<int8_t>((sum + 128) >> 8);
    *low = static_cast<int8_t>(sum - 256 * *high);
  };
  for (int64_t b = 0; b < s.k / 32; ++b) lift[b] = in.next() % 4;
  for (int64_t b = 0; b < s.k / 256; ++b) {
    total[b] = 0;
    for (int i = 0; i < 16; ++i) {
      const int raw = sum(256 * b + 16 * i, 16), up = raw * (1 << lift[8 * b + i / 2]);
      split(up, &sums[b].high16[i], &sums[b].low16[i]);
      whole[b].of16[i] = static_cast<int16_t>(up);
      shift[16 * b + i] = -32 * raw;
      total[b] += up;
    }
    for (int i = 0; i < 8; ++i) {
      const int up = sum(256 * b + 32 * i, 32) * (1 << lift[8 * b + i]);
      split(up, &sums[b].high32[i], &sums[b].low32[i]);
      whole[b].of32[i] = static_cast<int16_t>(up);
    }
  }
}

// Sum of the magnitudes of all products of one output.
double magnitude(const Shape& s, const std::byte* row, const std::byte* column) {
  const Codec& c = *codec(s.type);
  const DTypeTraits& t = traits(s.type);
  double total = 0;
  for (int64_t i = 0; i < s.k; i += t.block_elems, row += t.block_bytes) {
    if (c.codes_block == nullptr) {
      float w;
      c.dequant_row(row, &w, 1);
      total += std::fabs(static_cast<double>(w) * reinterpret_cast<const float*>(column)[i]);
      continue;
    }
    uint8_t code[256];
    float scale[16], min[16];
    c.codes_block(row, code, scale, min);
    const int8_t* q = reinterpret_cast<const int8_t*>(column);
    const float* d = reinterpret_cast<const float*>(column + s.k);
    for (int64_t e = 0; e < t.block_elems; ++e) {
      double v = std::fabs(static_cast<double>(q[i + e])) *
                 d[(i + e) / traits(traits(s.type).act).block_elems];
      if (traits(s.type).act == DType::a8x256)
        v *= 1 << block_column(column, s.k).lift[(i + e) / 32];
      total += v * (std::fabs(static_cast<double>(scale[e / c.sub])) * code[e] +
                    std::fabs(static_cast<double>(min[e / c.sub])));
    }
  }
  return total;
}

std::vector<float> run(const Kernel<cpu::Ctx>& kernel, const Shape& s, const Tensor& w,
                       const Tensor& x) {
  const int64_t stride = (s.out * 4 + 63) / 64 * 64;
  Lines y(static_cast<size_t>(stride * s.n)),
      packed(kernel.pack != nullptr ? kernel.pack->bytes(w) : 0);
  int32_t n_rows = static_cast<int32_t>(s.n);
  MatmulArgs a{};
  a.w = w;
  if (kernel.pack != nullptr) {
    kernel.pack->run(w, {0, (s.out + kernel.pack->rows - 1) / kernel.pack->rows}, packed.data);
    a.w.data = packed.data;
    a.w.pack = kernel.pack->id;
  }
  a.x = x;
  a.y = make_tensor(y.data, DType::f32, s.out, s.n);
  a.y.nb[1] = stride;
  a.micro = kernel.micro;
  a.n_rows = &n_rows;
  Lines scratch(kernel.scratch != nullptr ? kernel.scratch(&a) : 0);
  cpu::Ctx ctx{scratch.data};
  kernel.run(&a, {0, kernel.items(&a)}, ctx);
  std::vector<float> out;
  for (int64_t r = 0; r < s.n; ++r) {
    const float* row = reinterpret_cast<const float*>(a.y.row(r));
    out.insert(out.end(), row, row + s.out);
  }
  return out;
}

void compare(const Kernel<cpu::Ctx>& kernel, const Shape& s, const Tensor& w, const Tensor& x,
             const std::vector<float>& ref) {
  const std::vector<float> got = run(kernel, s, w, x);
  for (int64_t r = 0; r < s.n; ++r) {
    for (int64_t o = 0; o < s.out; ++o) {
      const size_t i = static_cast<size_t>(r * s.out + o);
      const double all = magnitude(s, w.row(o), x.row(r));
      if (!(all < 1e37)) continue;
      if (std::fabs(static_cast<double>(got[i]) - ref[i]) <=
          static_cast<double>(kernel.tolerance) * all + 1e-30)
        continue;
      std::fprintf(stderr, "%s: row %d column %d is %g, scalar %g, of %g (k %d)\n", kernel.id,
                   static_cast<int>(o), static_cast<int>(r), static_cast<double>(got[i]),
                   static_cast<double>(ref[i]), all, static_cast<int>(s.k));
      std::abort();
    }
  }
}

}  // namespace
}  // namespace engine

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace engine;
  Bytes in(data, size);
  const Shape s = choose_shape(in);
  Lines weights(static_cast<size_t>(row_bytes(s.type, s.k) * s.out)),
      columns(static_cast<size_t>(column_stride(s) * s.n));
  in.fill(weights.data, weights.size);
  for (int64_t r = 0; r < s.n; ++r) fill_column(s, in, columns.data + r * column_stride(s));
  const Tensor w = make_tensor(weights.data, s.type, s.k, s.out);
  Tensor x = make_tensor(columns.data, traits(s.type).act, s.k, s.n);
  x.nb[1] = column_stride(s);

  const Registry<cpu::Ctx> registry(cpu::all_kernels());
  const std::vector<float> ref =
      run(*registry.scalar(Op::matmul, s.type, traits(s.type).act), s, w, x);
  for (const Kernel<cpu::Ctx>* k : cpu::all_kernels()) {
    if (k->op == Op::matmul && k->w == s.type && k->rank > 0 && (k->needs & ~cpu_features()) == 0)
      compare(*k, s, w, x, ref);
  }
  return 0;
}
