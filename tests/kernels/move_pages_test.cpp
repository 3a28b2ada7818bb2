// Pages whose tokens get earlier positions: their keys are those that would have been stored there.
#include "kernels/cpu/move_pages.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <string_view>

#include "engine/core/half.h"
#include "kernels/cpu/registry.h"
#include "kernels/plan/key_ropes.h"
#include "tests/support/oracle.h"
#include "tests/support/random.h"

namespace engine::test {
namespace {

constexpr int kPages = 4, kHeads = 3;

// Frequencies as yarn or factors make them: of no simple law.
RopeSpec rope_spec(RopeStyle style, int n_rot) {
  RopeSpec r;
  r.style = style, r.n_rot = n_rot, r.mscale = 1.3f;
  for (int i = 0; i < n_rot / 2; ++i)
    r.freq.push_back(std::pow(10000.0, -2.0 * i / n_rot) / (i % 3 == 0 ? 1.0 : 2.7));
  return r;
}

struct Shape {
  DType type;
  RopeStyle style;
  int dk, n_rot, dv;
};
std::ostream& operator<<(std::ostream& out, const Shape& s) {
  return out << (s.type == DType::f16 ? "f16" : "q8_0")
             << (s.style == RopeStyle::norm ? " norm " : " neox ") << s.dk << ' ' << s.n_rot;
}

// A slot with memory of its own.
struct Slot {
  explicit Slot(const Shape& s, int group = 0) {
    view.dtype = s.type, view.group = group;
    view.n_head_kv = kHeads, view.dk = s.dk, view.dv = s.dv;
    view.v_offset = (cache_plane_bytes(s.type, kHeads, s.dk) + 63) / 64 * 64;
    view.page_bytes = (view.v_offset + cache_plane_bytes(s.type, kHeads, s.dv) + 63) / 64 * 64;
    memory.resize(view.page_bytes * kPages);
    view.base = memory.data();
  }
  std::vector<std::byte> page(int p) const {
    const auto at = memory.begin() + static_cast<std::ptrdiff_t>(view.page_bytes) * p;
    return {at, at + static_cast<std::ptrdiff_t>(view.page_bytes)};
  }
  std::vector<std::byte> values(int p) const {
    auto all = page(p);
    all.erase(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(view.v_offset));
    return all;
  }
  // The key of a token, by an own reading of the layouts that kernels/op.h draws.
  Matrix key(int p, int h, int t) const {
    const std::byte* base = view.base + static_cast<size_t>(p) * view.page_bytes;
    const auto half = [](const std::byte* at) {
      uint16_t bits;
      std::memcpy(&bits, at, 2);
      return half_to_float(bits);
    };
    Matrix k(view.dk, 1);
    for (int i = 0; i < view.dk; ++i) {
      const int64_t at = (int64_t{h} * view.dk + i) * 64 + t;
      k(i, 0) = view.dtype == DType::f16 ? half(base + at * 2)
                                         : static_cast<float>(static_cast<int8_t>(base[at]));
    }
    if (view.dtype == DType::f16) return k;
    k *= half(base + int64_t{kHeads} * view.dk * 64 + (int64_t{h} * 64 + t) * 2);
    const int64_t block = view.dk & -view.dk;
    for (int64_t i = 0; i < view.dk; i += block) {
      const Matrix turned = hadamard_matrix(block) * k.middleRows(i, block);
      k.middleRows(i, block) = turned;
    }
    return k;
  }

  std::vector<std::byte> memory;
  CacheSlotView view;
};

void run(std::string_view id, const void* args) {
  alignas(64) static std::byte scratch[8192];
  for (const auto* kernel : cpu::all_kernels())
    if (kernel->id == id) {
      cpu::Ctx ctx{scratch};
      kernel->run(args, {0, kernel->items(args)}, ctx);
      return;
    }
  FAIL() << "no kernel " << id;
}

// Rows at positions first, first + 1, ... as a model stores them, into `page` of the slot.
void store(const Slot& slot, const RopeSpec& rope, int page, int first, int n, uint64_t seed) {
  const int64_t dk = slot.view.dk * kHeads, dv = slot.view.dv * kHeads;
  Rng rng(seed);
  std::vector<float> k(static_cast<size_t>(dk * n)), v(static_cast<size_t>(dv * n)),
      table(static_cast<size_t>(rope.n_rot) * static_cast<size_t>(n));
  for (float& x : k) x = rng.uniform(-2, 2);
  for (float& x : v) x = rng.uniform(-2, 2);
  std::vector<int32_t> positions, segment_of(static_cast<size_t>(n), 0);
  for (int i = 0; i < n; ++i) positions.push_back(first + i);
  const std::vector<int32_t> pages(static_cast<size_t>(first / 64 + 1), page);
  Segment segment{0, n, first, {}};
  segment.pages[slot.view.group] = pages;
  StepState step;
  step.n_rows = n, step.positions = positions, step.segments = {&segment, 1};
  step.row_segment = segment_of;
  const auto tensor = [n](std::vector<float>& x) {
    return make_tensor(reinterpret_cast<std::byte*>(x.data()), DType::f32, std::ssize(x) / n, n);
  };
  const RopeTableArgs angles{rope.freq.data(), rope.mscale, rope.n_rot, tensor(table), &step};
  run("elementwise/rope_table/scalar", &angles);
  const RopeArgs turn{tensor(k), tensor(k),    tensor(table), rope.style,
                      kHeads,    slot.view.dk, rope.n_rot,    &step.n_rows};
  run("elementwise/rope/scalar", &turn);
  const KvStoreArgs args{tensor(k), tensor(v), slot.view, &step};
  run(slot.view.dtype == DType::f16 ? "attention/kv_store_f16/scalar"
                                    : "attention/kv_store_q8_0/scalar",
      &args);
}

void move(const Slot& slot, const RopeSpec& rope, std::span<const PageMove> moves, int back,
          int workers = 1, int32_t which = 0) {
  const auto pool = make_native_pool(workers);
  cpu::move_pages({&slot.view, 1}, {&rope, 1}, {&which, 1}, moves, back, *pool, workers);
}

// The largest error of a key, as a part of its length.
double error(const Slot& got, const Slot& want, int page, int n) {
  double worst = 0;
  for (int h = 0; h < kHeads; ++h)
    for (int t = 0; t < n; ++t) {
      const Matrix w = want.key(page, h, t);
      worst = std::max<double>(worst, (got.key(page, h, t) - w).norm() / w.norm());
    }
  return worst;
}

class MovePages : public ::testing::TestWithParam<Shape> {};

TEST_P(MovePages, keys_are_those_of_the_new_positions) {
  const Shape& s = GetParam();
  const RopeSpec rope = rope_spec(s.style, s.n_rot);
  const double bound = s.type == DType::f16 ? 1.5e-3 : 0.03;
  for (const int back : {64, 64 * 31}) {
    Slot moved(s), direct(s);
    const int pages[] = {0, 2}, rows[] = {64, 37}, first[] = {64 * 40, 64 * 41};
    for (int i = 0; i < 2; ++i) {
      store(moved, rope, pages[i], first[i], rows[i], static_cast<uint64_t>(i));
      store(direct, rope, pages[i], first[i] - back, rows[i], static_cast<uint64_t>(i));
      EXPECT_GT(error(moved, direct, pages[i], rows[i]), 0.2) << "nothing to turn";
    }
    move(moved, rope, std::vector<PageMove>{{0, 0, 0}, {0, 2, 2}}, back);
    for (int i = 0; i < 2; ++i) {
      EXPECT_LT(error(moved, direct, pages[i], rows[i]), bound) << back;
      EXPECT_EQ(moved.values(pages[i]), direct.values(pages[i]));
    }
    EXPECT_EQ(moved.page(1), direct.page(1)) << "of nobody";
  }
}

TEST_P(MovePages, a_copy_leaves_its_source_and_any_number_of_workers_give_the_same_bytes) {
  const Shape& s = GetParam();
  const RopeSpec rope = rope_spec(s.style, s.n_rot);
  Slot in_place(s);
  store(in_place, rope, 1, 640, 64, 5);
  Slot copied = in_place, three = in_place;
  copied.view.base = copied.memory.data(), three.view.base = three.memory.data();
  const auto source = in_place.page(1);
  move(in_place, rope, std::vector<PageMove>{{0, 1, 1}}, 320);
  move(copied, rope, std::vector<PageMove>{{0, 1, 3}}, 320);
  move(three, rope, std::vector<PageMove>{{0, 1, 3}}, 320, 3);
  EXPECT_NE(in_place.page(1), source);
  EXPECT_EQ(copied.page(1), source);
  EXPECT_EQ(copied.page(3), in_place.page(1));
  EXPECT_EQ(three.memory, copied.memory);
}

TEST_P(MovePages, pages_of_other_groups_and_keys_without_positions_stay) {
  const Shape& s = GetParam();
  const RopeSpec rope = rope_spec(s.style, s.n_rot);
  Slot other(s, 1), plain(s);
  store(other, rope, 1, 640, 64, 5), store(plain, rope, 1, 640, 64, 5);
  const auto before = other.memory;
  move(other, rope, std::vector<PageMove>{{0, 1, 2}}, 320);
  EXPECT_EQ(other.memory, before);
  move(plain, rope, std::vector<PageMove>{{0, 1, 2}}, 320, 1, -1);
  EXPECT_EQ(plain.page(2), plain.page(1));
}

INSTANTIATE_TEST_SUITE_P(Shapes, MovePages,
                         ::testing::Values(Shape{DType::f16, RopeStyle::norm, 64, 64, 64},
                                           Shape{DType::f16, RopeStyle::neox, 64, 64, 32},
                                           Shape{DType::f16, RopeStyle::norm, 80, 32, 80},
                                           Shape{DType::f16, RopeStyle::neox, 128, 64, 128},
                                           Shape{DType::q8_0, RopeStyle::norm, 64, 64, 64},
                                           Shape{DType::q8_0, RopeStyle::neox, 128, 128, 64},
                                           Shape{DType::q8_0, RopeStyle::norm, 96, 64, 96},
                                           Shape{DType::q8_0, RopeStyle::neox, 256, 128, 256}));

// What is no number stays in its token.
TEST(MovedKeys, a_broken_key_breaks_no_other) {
  const Shape s{DType::q8_0, RopeStyle::neox, 64, 64, 64};
  const RopeSpec rope = rope_spec(s.style, s.n_rot);
  Slot clean(s);
  store(clean, rope, 0, 640, 64, 5);
  Slot broken = clean;
  broken.view.base = broken.memory.data();
  const uint16_t nan = 0x7e00;  // the scale of token 9 of head 1
  std::memcpy(broken.view.base + kHeads * 64 * 64 + (64 + 9) * 2, &nan, 2);
  for (const Slot* slot : {&clean, &broken})
    move(*slot, rope, std::vector<PageMove>{{0, 0, 0}}, 64);
  for (int t = 0; t < 64; ++t) {
    if (t == 9) continue;
    EXPECT_EQ(broken.key(0, 1, t), clean.key(0, 1, t)) << t;
  }
}

}  // namespace
}  // namespace engine::test
