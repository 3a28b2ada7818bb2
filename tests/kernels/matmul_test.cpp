// What the general suite cannot say about matmul kernels: sums that would overflow 16 bits, scales
// that are no numbers, packing.
#include <gtest/gtest.h>

#include <algorithm>

#include "engine/core/cpu_info.h"
#include "kernels/types/a8x32.h"
#include "tests/kernels/matmul_problem.h"

namespace engine::test {
namespace {

std::vector<const CpuKernel*> matmuls() {
  std::vector<const CpuKernel*> out;
  for (const CpuKernel* k : cpu::all_kernels()) {
    if (k->op == Op::matmul && (k->needs & ~cpu_features()) == 0) out.push_back(k);
  }
  return out;
}

int64_t usable_k(const CpuKernel& k) {
  return std::max(2 * traits(k.w).block_elems, 256);
}

class Matmul : public ::testing::TestWithParam<const CpuKernel*> {
 protected:
  const CpuKernel& kernel() const { return *GetParam(); }

  std::vector<float> run(MatmulProblem& p) const {
    p.bind(kernel());
    p.clear();
    run_all(kernel(), p);
    const std::vector<std::byte> bytes = p.result();
    std::vector<float> y(bytes.size() / 4);
    std::memcpy(y.data(), bytes.data(), bytes.size());
    return y;
  }
};

// Codes all ones or all zeros and activations of +-127: the largest sums there are,
// for few columns and for many.
TEST_P(Matmul, SurvivesTheLargestSums) {
  for (Data data : {Data::high, Data::low, Data::mixed}) {
    for (int n : {1, 4, 17}) {
      MatmulProblem p(kernel(), MatmulCase{usable_k(kernel()), 17, n, kPlain}, data, 31);
      const std::vector<float> y = run(p);
      const std::vector<Expected> expected = p.expected();
      ASSERT_EQ(y.size(), expected.size());
      for (size_t i = 0; i < y.size(); ++i) {
        ASSERT_LE(
            std::fabs(y[i] - expected[i].value),
            kernel().tolerance * expected[i].slack + 0x1p-20 * std::fabs(expected[i].value) + 1e-10)
            << i;
      }
    }
  }
}

// Weights that stay in the file give the bits of packed ones.
TEST_P(Matmul, PacksWhileItReads) {
  if (kernel().pack == nullptr) GTEST_SKIP() << "reads rows as in the file";
  const CpuKernel* experts = nullptr;
  for (const CpuKernel* k : cpu::all_kernels())
    if (k->op == Op::expert_matmul && k->w == kernel().w && k->needs == kernel().needs &&
        k->pack == kernel().pack)
      experts = k;
  for (int n : {1, 7, 40}) {
    for (unsigned with : {unsigned{kPlain}, unsigned{kUp | kSilu}}) {
      MatmulProblem p(kernel(), MatmulCase{usable_k(kernel()), 37, n, with}, Data::uniform, 33);
      const std::vector<float> packed = run(p);
      p.bind_loose(kernel());
      p.clear();
      run_all(kernel(), p);
      const std::vector<std::byte> loose = p.result();
      EXPECT_EQ(std::memcmp(packed.data(), loose.data(), loose.size()), 0) << n << " columns";
    }
    ASSERT_NE(experts, nullptr) << "no expert_matmul beside it in its file and in kernels.inc";
    ExpertCase c{};
    c.k = usable_k(kernel()), c.out = 37, c.n_expert = 3, c.n_used = 2, c.n = n;
    MatmulProblem p(*experts, c, Data::uniform, 34);
    p.bind(*experts);
    p.clear();
    run_all(*experts, p);
    const std::vector<std::byte> packed = p.result();
    p.bind_loose(*experts);
    p.clear();
    run_all(*experts, p);
    EXPECT_EQ(p.result(), packed) << n << " columns of experts";
  }
}

// A row with a scale that is no number gives no number; its neighbours in the panel do not notice.
TEST_P(Matmul, KeepsBadScalesToTheirRow) {
  const std::vector<int> fields = scale_fields(kernel().w);
  for (float bad : {INFINITY, std::nanf("")}) {
    for (int n : {1, 3, 20}) {
      const MatmulCase c{usable_k(kernel()), 17, n, kPlain};
      MatmulProblem good(kernel(), c, Data::uniform, 32), hurt(kernel(), c, Data::uniform, 32);
      std::byte* row = hurt.weights().file.row(5);
      if (fields.empty()) {
        codec(kernel().w)->quantize_row(&bad, row, 1);
      } else {
        set_scales(kernel().w, fields, row, bad);
      }
      const std::vector<float> y = run(good), z = run(hurt);
      for (size_t i = 0; i < y.size(); ++i) {
        if (i % 17 == 5) {
          EXPECT_FALSE(std::isfinite(z[i])) << i;
        } else {
          ASSERT_EQ(std::memcmp(&y[i], &z[i], 4), 0) << i;
        }
      }
    }
  }
}

TEST_P(Matmul, PackingGivesTheRowsOfTheFileBack) {
  const Pack* pack = kernel().pack;
  if (pack == nullptr) return;
  EXPECT_NE(pack->id, 0);
  Rng rng(33);
  const int64_t k = usable_k(kernel());
  for (int64_t out : {1, 7, 8, 15, 16, 17, 33}) {
    for (int64_t experts : {1, 3}) {
      Weights w;
      w.make(kernel().w, k, out, experts, Data::uniform, rng);
      const Tensor t = w.laid_out(kernel(), rng);
      const size_t bytes = static_cast<size_t>(w.file.nb[1]);
      const Guarded row(bytes);
      for (int64_t r = 0; r < out * experts; ++r) {
        pack->row(t, r, row.data());
        ASSERT_EQ(std::memcmp(row.data(), w.file.row(r), bytes), 0)
            << "row " << r << " of " << out << " x " << experts;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Cpu, Matmul, ::testing::ValuesIn(matmuls()),
                         [](const ::testing::TestParamInfo<const CpuKernel*>& info) {
                           std::string name = info.param->id;
                           std::replace(name.begin(), name.end(), '/', '_');
                           return name;
                         });

}  // namespace
}  // namespace engine::test
