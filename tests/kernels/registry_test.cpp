// That ENGINE_ISA and ENGINE_KERNELS select what they name, and that the list
// of kernels is complete and in order.
#include "kernels/cpu/registry.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "engine/core/cpu_info.h"

namespace engine::test {
namespace {

using CpuRegistry = Registry<cpu::Ctx>;

std::string picked(const CpuRegistry& r, uint64_t have, DType type = DType::q4_1) {
  const Kernel<cpu::Ctx>* k = r.pick(Op::matmul, type, traits(type).act, nullptr, have);
  return k != nullptr ? k->id : "none";
}

TEST(KernelList, IdsAreUniqueAndNameTheKernel) {
  std::set<std::string> ids;
  for (const Kernel<cpu::Ctx>* k : cpu::all_kernels()) {
    const std::string id = k->id;
    EXPECT_TRUE(ids.insert(id).second) << id;
    EXPECT_EQ(std::count(id.begin(), id.end(), '/'), 2) << id;
    EXPECT_EQ(id.ends_with("/scalar"), k->rank == 0) << id;
    EXPECT_EQ(k->needs == 0, k->rank == 0) << id;
  }
}

TEST(KernelList, EveryKernelHasAScalarTwin) {
  const CpuRegistry r(cpu::all_kernels());
  for (const Kernel<cpu::Ctx>* k : cpu::all_kernels())
    EXPECT_NE(r.scalar(k->op, k->w, k->x), nullptr) << k->id;
}

TEST(KernelList, EveryTypeHasMatmulAndLookUp) {
  const CpuRegistry r(cpu::all_kernels());
  for (int t = 0; t < static_cast<int>(DType::count_); ++t) {
    const DType type = static_cast<DType>(t);
    if (!traits(type).computable) continue;
    EXPECT_NE(r.scalar(Op::matmul, type, traits(type).act), nullptr) << traits(type).name;
    EXPECT_NE(r.scalar(Op::expert_matmul, type, traits(type).act), nullptr) << traits(type).name;
    EXPECT_NE(r.scalar(Op::embed, type, DType::f32), nullptr) << traits(type).name;
  }
}

std::vector<std::byte> packed(const Pack& pack, const Tensor& w) {
  std::vector<std::byte> out(pack.bytes(w));
  pack.run(w, {0, (w.rows() + pack.rows - 1) / pack.rows}, out.data());
  return out;
}

// A packed weight is read by every kernel with its id, whatever file the code of either is in.
TEST(KernelList, PackingIdsNameOneLayout) {
  const CpuRegistry r(cpu::all_kernels());
  for (const Kernel<cpu::Ctx>* k : cpu::all_kernels()) {
    if (k->pack == nullptr || (k->needs & ~cpu_features()) != 0) continue;
    const Pack* known = r.find_pack(k->pack->id);
    ASSERT_NE(known, nullptr) << k->id;
    Tensor w = make_tensor(nullptr, k->w, 512, 2 * k->pack->rows + 1);
    std::vector<std::byte> rows(w.bytes());
    for (size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<std::byte>(i * 151 + i / 256);
    w.data = rows.data();
    ASSERT_EQ(known->rows, k->pack->rows) << k->id;
    EXPECT_TRUE(packed(*known, w) == packed(*k->pack, w))
        << k->id << " packs otherwise than another kernel with the same id of packing (pack_ids.h)";
    for (const Kernel<cpu::Ctx>* other : cpu::all_kernels()) {
      if (other->pack == nullptr || other->pack->id != k->pack->id) continue;
      EXPECT_EQ(other->w, k->w) << k->id << " and " << other->id;
    }
  }
}

TEST(IsaCap, SelectsWhatItNames) {
  const CpuRegistry r(cpu::all_kernels());
  const uint64_t all = ~uint64_t{0};
  const auto with_cap = [&](const std::string& cap) {
    Result<uint64_t> have = cap_features(all, cap);
    return picked(r, *have);
  };
  EXPECT_EQ(with_cap("scalar"), "matmul/q4_1/scalar");
#if ENGINE_X86
  EXPECT_EQ(with_cap("avx2"), "matmul/q4_1/avx2");
  EXPECT_EQ(with_cap("avx512vnni"), "matmul/q4_1/avx512vnni");
#endif
  EXPECT_FALSE(cap_features(all, "mmx"));
}

TEST(IsaCap, NoKernelNeedsMoreThanItsName) {
  for (const Kernel<cpu::Ctx>* k : cpu::all_kernels()) {
    const std::string id = k->id, isa = id.substr(id.rfind('/') + 1);
    Result<uint64_t> have = cap_features(~uint64_t{0}, isa.substr(0, isa.find('_')));
    ASSERT_TRUE(have) << id;
    EXPECT_EQ(k->needs & ~*have, 0u) << id;
  }
}

TEST(KernelOverrides, WinOverRankButNotOverTheMachine) {
  CpuRegistry r(cpu::all_kernels());
  ASSERT_TRUE(r.set_overrides("matmul/q4_1=scalar"));
  EXPECT_EQ(picked(r, ~uint64_t{0}), "matmul/q4_1/scalar");
  EXPECT_NE(picked(r, ~uint64_t{0}, DType::q8_0), "none");
#if ENGINE_X86
  EXPECT_EQ(picked(r, ~uint64_t{0}, DType::q8_0), "matmul/q8_0/avx512vnni");
  ASSERT_TRUE(r.set_overrides("matmul/q4_1/avx2,matmul/q8_0=scalar"));
  EXPECT_EQ(picked(r, ~uint64_t{0}), "matmul/q4_1/avx2");
  EXPECT_EQ(picked(r, ~uint64_t{0}, DType::q8_0), "matmul/q8_0/scalar");
  EXPECT_EQ(picked(r, 0), "matmul/q4_1/scalar");
#endif
  ASSERT_TRUE(r.set_overrides(""));
  EXPECT_NE(picked(r, 0), "none");
}

TEST(KernelOverrides, RefuseUnknownNamesAndListTheKnown) {
  CpuRegistry r(cpu::all_kernels());
  Status s = r.set_overrides("matmul/q4_1=avx1");
  ASSERT_FALSE(s);
  EXPECT_EQ(s.error().code, Errc::invalid_argument);
  EXPECT_NE(s.error().message.find("matmul/q4_1/avx1"), std::string::npos);
  EXPECT_NE(s.error().message.find("matmul/q4_1/scalar"), std::string::npos);
}

TEST(Pick, KeepsToThePacking) {
  const CpuRegistry r(cpu::all_kernels());
  const Kernel<cpu::Ctx>* any =
      r.pick(Op::matmul, DType::q4_1, DType::a8x32, nullptr, ~uint64_t{0});
  const int pack = any->pack != nullptr ? any->pack->id : 0;
  EXPECT_EQ(r.pick(Op::matmul, DType::q4_1, DType::a8x32, nullptr, ~uint64_t{0}, pack), any);
  const Kernel<cpu::Ctx>* file =
      r.pick(Op::matmul, DType::q4_1, DType::a8x32, nullptr, ~uint64_t{0}, 0);
  ASSERT_NE(file, nullptr);
  EXPECT_EQ(file->pack, nullptr);
  EXPECT_EQ(r.pick(Op::matmul, DType::q4_1, DType::a8x32, nullptr, ~uint64_t{0}, 65535), nullptr);
}

}  // namespace
}  // namespace engine::test
