// Every kernel of this build that this machine can run, against its scalar twin, and the scalar
// ones against Eigen in double. Kernels are found by themselves: a line in kernels.inc is enough.
// Names are kernel ids with '_' for '/'.
#include <gtest/gtest.h>

#include <algorithm>

#include "engine/core/cpu_info.h"
#include "kernels/cpu/registry.h"
#include "tests/kernels/problem.h"

namespace engine::test {
namespace {

std::string test_name(const CpuKernel& k) {
  std::string name = k.id;
  std::replace(name.begin(), name.end(), '/', '_');
  return name;
}

std::vector<const CpuKernel*> usable_kernels() {
  std::vector<const CpuKernel*> out;
  for (const CpuKernel* k : cpu::all_kernels()) {
    if ((k->needs & ~cpu_features()) == 0) out.push_back(k);
  }
  return out;
}

class Kernels : public ::testing::TestWithParam<const CpuKernel*> {
 protected:
  const CpuKernel& kernel() const { return *GetParam(); }

  // The problems of this kernel that it accepts, laid out for it.
  std::vector<std::unique_ptr<Problem>> problems(Data data) const {
    std::vector<std::unique_ptr<Problem>> all = make_problems(kernel(), data), out;
    for (std::unique_ptr<Problem>& p : all) {
      p->bind(kernel());
      if (kernel().accepts == nullptr || kernel().accepts(p->args())) out.push_back(std::move(p));
    }
    return out;
  }

  std::vector<std::byte> answer(const CpuKernel& k, Problem& p) const {
    p.bind(k);
    p.use_rows(p.rows());
    p.clear();
    run_all(k, p);
    return p.result();
  }
};

float float_at(const std::vector<std::byte>& v, size_t i) {
  float f;
  std::memcpy(&f, v.data() + i * 4, 4);
  return f;
}

// got and ref as floats, each within what `expected` allows around its own value.
void expect_close(const std::vector<std::byte>& got, const std::vector<Expected>& expected,
                  float tolerance, const std::vector<std::byte>* instead_of_value) {
  ASSERT_EQ(got.size(), expected.size() * 4);
  for (size_t i = 0; i < expected.size(); ++i) {
    const double value =
        instead_of_value != nullptr ? float_at(*instead_of_value, i) : expected[i].value;
    const double step = expected[i].step * (instead_of_value != nullptr ? 2 : 1);
    const double allowed =
        static_cast<double>(tolerance) * expected[i].slack + step + 0x1p-20 * std::fabs(value);
    ASSERT_LE(std::fabs(float_at(got, i) - value), allowed + 1e-10)
        << "at " << i << ": " << float_at(got, i) << ", should be " << value;
  }
}

constexpr Data kAllData[] = {Data::uniform, Data::outliers, Data::zeros,
                             Data::high,    Data::low,      Data::mixed};

TEST_P(Kernels, AgreeWithDoubleOrScalar) {
  const Registry<cpu::Ctx> registry(cpu::all_kernels());
  const CpuKernel* scalar = registry.scalar(kernel().op, kernel().w, kernel().x);
  ASSERT_NE(scalar, nullptr) << "no scalar twin";
  int compared = 0;
  for (Data data : kAllData) {
    for (std::unique_ptr<Problem>& p : problems(data)) {
      SCOPED_TRACE(p->name() + ", data " + std::to_string(static_cast<int>(data)));
      const std::vector<std::byte> got = answer(kernel(), *p);
      const std::vector<Expected> expected = p->expected();
      if (kernel().rank == 0) {
        if (!expected.empty()) expect_close(got, expected, kernel().tolerance, nullptr);
      } else {
        const std::vector<std::byte> ref = answer(*scalar, *p);
        if (expected.empty()) {
          ASSERT_EQ(got, ref);
        } else {
          expect_close(got, expected, kernel().tolerance, &ref);
        }
      }
      if (HasFatalFailure() || HasNonfatalFailure()) return;
      ++compared;
    }
  }
  EXPECT_GT(compared, 0) << "no case of cases.h fits this kernel";
}

TEST_P(Kernels, GiveTheSameBytesForAnyCutAndOrderOfItems) {
  Rng rng(21);
  for (std::unique_ptr<Problem>& p : problems(Data::uniform)) {
    SCOPED_TRACE(p->name());
    const std::vector<std::byte> whole = answer(kernel(), *p);
    for (int i = 0; i < 3; ++i) {
      p->clear();
      run_cut(kernel(), *p, rng);
      ASSERT_TRUE(p->result() == whole);
    }
  }
}

TEST_P(Kernels, GiveARowTheSameBytesAloneAsAmongOthers) {
  Rng rng(22);
  for (std::unique_ptr<Problem>& p : problems(Data::outliers)) {
    SCOPED_TRACE(p->name());
    const std::vector<std::byte> whole = answer(kernel(), *p);
    const size_t row_size = whole.size() / static_cast<size_t>(p->rows());
    std::vector<int> rows{0, p->rows() - 1};
    for (int i = 0; i < 4; ++i) rows.push_back(static_cast<int>(rng.below(p->rows())));
    for (int r : rows) {
      if (!p->only_row(r)) break;
      p->clear();
      run_all(kernel(), *p);
      const std::vector<std::byte> alone = p->result();
      ASSERT_EQ(alone.size(), row_size);
      ASSERT_TRUE(std::equal(alone.begin(), alone.end(),
                             whole.begin() + static_cast<int64_t>(row_size) * r))
          << "row " << r;
    }
  }
}

TEST_P(Kernels, DoNothingForNoRows) {
  for (std::unique_ptr<Problem>& p : problems(Data::uniform)) {
    SCOPED_TRACE(p->name());
    p->use_rows(0);
    p->clear();
    run_all(kernel(), *p);
    EXPECT_TRUE(p->result().empty());
  }
}

INSTANTIATE_TEST_SUITE_P(Cpu, Kernels, ::testing::ValuesIn(usable_kernels()),
                         [](const ::testing::TestParamInfo<const CpuKernel*>& info) {
                           return test_name(*info.param);
                         });

}  // namespace
}  // namespace engine::test
