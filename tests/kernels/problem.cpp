// Memory of problems, and how their items are run.
#include "tests/kernels/problem.h"

#include <algorithm>

namespace engine::test {

FloatRows::FloatRows(int64_t width, int64_t rows) {
  const int64_t stride = (width * 4 + 63) / 64 * 64;
  memory = Guarded(static_cast<size_t>(rows > 0 ? (rows - 1) * stride + width * 4 : 0), 64);
  tensor = make_tensor(memory.data(), DType::f32, width, rows);
  tensor.rank = 2;
  tensor.nb[1] = stride;
  tensor.nb[2] = tensor.nb[3] = stride * rows;
}

FloatRows FloatRows::random(int64_t width, int64_t rows, Data data, Rng& rng) {
  FloatRows r(width, rows);
  for (int64_t i = 0; i < rows; ++i) fill_floats(r.row(i), width, data, rng);
  return r;
}

void FloatRows::clear() const {
  std::memset(memory.data(), 0xff, memory.size());
}

bool FloatRows::padding_untouched() const {
  for (int64_t r = 0; r + 1 < tensor.ne[1]; ++r) {
    for (const std::byte* p = tensor.row(r) + tensor.ne[0] * 4; p < tensor.row(r + 1); ++p) {
      if (*p != std::byte{0xff}) return false;
    }
  }
  return true;
}

namespace {

void run_range(const CpuKernel& kernel, const void* args, Range items) {
  const Guarded scratch(kernel.scratch != nullptr ? kernel.scratch(args) : 0, 64);
  cpu::Ctx ctx{scratch.data()};
  kernel.run(args, items, ctx);
}

}  // namespace

void run_all(const CpuKernel& kernel, Problem& problem) {
  run_range(kernel, problem.args(), {0, kernel.items(problem.args())});
}

void run_cut(const CpuKernel& kernel, Problem& problem, Rng& rng) {
  const int64_t items = kernel.items(problem.args());
  std::vector<Range> parts;
  for (int64_t at = 0; at < items;) {
    const int64_t end =
        std::min(items, at + 1 + rng.below(std::min<int64_t>(items, 1 + items / 3)));
    parts.push_back({at, end});
    at = end;
  }
  for (size_t i = parts.size(); i > 1; --i)
    std::swap(parts[i - 1], parts[static_cast<size_t>(rng.below(static_cast<int64_t>(i)))]);
  for (const Range& r : parts) run_range(kernel, problem.args(), r);
}

}  // namespace engine::test
