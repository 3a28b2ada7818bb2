// kv_store and attend over a paged cache of two sequences. Pages lie in random order; what is not
// written is NaN (halves and scales).
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "engine/core/half.h"
#include "tests/kernels/problems.h"
#include "tests/kernels/row_problem.h"
#include "tests/support/oracle.h"

namespace engine::test {
namespace {

// The cache, with an own reading of the layouts that kernels/op.h draws.
struct Cache {
  Cache(DType type, const AttendCase& c, int pages) {
    view.dtype = type;
    view.group = c.group;
    view.n_head_kv = c.n_head_kv, view.dk = c.dk, view.dv = c.dv;
    view.v_offset = (cache_plane_bytes(type, c.n_head_kv, c.dk) + 63) / 64 * 64;
    view.page_bytes = (view.v_offset + cache_plane_bytes(type, c.n_head_kv, c.dv) + 63) / 64 * 64;
    memory = Guarded(view.page_bytes * static_cast<size_t>(pages), 64);
    view.base = memory.data();
  }

  struct Place {
    size_t code, scale;  // offsets in the memory; scale only for q8_0
  };
  Place k_place(int page, int h, int i, int t) const {
    const size_t at = static_cast<size_t>(page) * view.page_bytes;
    const size_t element =
        (static_cast<size_t>(h) * static_cast<size_t>(view.dk) + static_cast<size_t>(i)) * 64 +
        static_cast<size_t>(t);
    if (view.dtype == DType::f16) return {at + element * 2, 0};
    const size_t codes = static_cast<size_t>(view.n_head_kv * view.dk) * 64;
    return {at + element, at + codes + (static_cast<size_t>(h) * 64 + static_cast<size_t>(t)) * 2};
  }
  Place v_place(int page, int h, int i, int t) const {
    const size_t at = static_cast<size_t>(page) * view.page_bytes + view.v_offset;
    const size_t token = static_cast<size_t>(h) * 64 + static_cast<size_t>(t);
    const size_t element = token * static_cast<size_t>(view.dv) + static_cast<size_t>(i);
    if (view.dtype == DType::f16) return {at + element * 2, 0};
    const size_t codes = static_cast<size_t>(view.n_head_kv * view.dv) * 64;
    return {at + element, at + codes + token * 2};
  }
  float half_at(size_t at) const {
    uint16_t h;
    std::memcpy(&h, memory.data() + at, 2);
    return half_to_float(h);
  }
  float value(Place p) const {
    if (view.dtype == DType::f16) return half_at(p.code);
    return static_cast<float>(static_cast<int8_t>(memory.data()[p.code])) * half_at(p.scale);
  }

  Guarded memory;
  CacheSlotView view;
};

// q8_0 heads (columns) are rotated in blocks of the largest power of two that divides d.
Matrix rotate(const Matrix& x) {
  const int64_t block = x.rows() & -x.rows();
  const Matrix h = hadamard_matrix(block);
  Matrix y(x.rows(), x.cols());
  for (int64_t i = 0; i < x.rows(); i += block) y.middleRows(i, block) = h * x.middleRows(i, block);
  return y;
}

// Page tables and positions of the two sequences.
struct Sequences {
  Sequences(const AttendCase& c, Rng& rng) : c(c) {
    int n_pages = 0;
    for (int s = 0; s < 2; ++s) n_pages += (c.past[s] + c.n[s] + 63) / 64;
    order.resize(static_cast<size_t>(n_pages) + 1);  // one page belongs to nobody
    std::iota(order.begin(), order.end(), 0);
    for (size_t i = order.size(); i > 1; --i)
      std::swap(order[i - 1], order[static_cast<size_t>(rng.below(static_cast<int64_t>(i)))]);
    size_t next = 0;
    for (int s = 0; s < 2; ++s) {
      for (int p = 0; p < (c.past[s] + c.n[s] + 63) / 64; ++p) table[s].push_back(order[next++]);
      for (int r = 0; r < c.n[s]; ++r) row_seq.push_back(s), row_pos.push_back(c.past[s] + r);
    }
  }

  // The step that computes rows [first, first + n).
  void fill(StepState& step, int first, int n) {
    segments.clear(), row_segment.clear();
    for (int r = first; r < first + n; ++r) {
      const int s = row_seq[static_cast<size_t>(r)];
      if (r == first || s != row_seq[static_cast<size_t>(r) - 1]) {
        Segment seg;
        seg.row0 = r - first;
        seg.past = row_pos[static_cast<size_t>(r)];
        seg.pages[c.group] = table[s];
        segments.push_back(seg);
      }
      ++segments.back().n_rows;
      row_segment.push_back(static_cast<int32_t>(segments.size()) - 1);
    }
    step.n_rows = n;
    step.segments = segments;
    step.row_segment = row_segment;
    step.positions = std::span<const int32_t>(row_pos).subspan(static_cast<size_t>(first),
                                                               static_cast<size_t>(n));
  }

  AttendCase c;
  std::vector<int> order;
  std::vector<int32_t> table[2];
  std::vector<int> row_seq;
  std::vector<int32_t> row_pos;
  std::vector<Segment> segments;
  std::vector<int32_t> row_segment;
};

std::string describe(const AttendCase& c) {
  return "dk " + std::to_string(c.dk) + " dv " + std::to_string(c.dv) + " heads " +
         std::to_string(c.n_head) + "/" + std::to_string(c.n_head_kv) + " past " +
         std::to_string(c.past[0]) + "," + std::to_string(c.past[1]) + " n " +
         std::to_string(c.n[0]) + "," + std::to_string(c.n[1]) + " window " +
         std::to_string(c.window);
}

class KvStoreProblem : public RowProblem<KvStoreArgs> {
 public:
  KvStoreProblem(const CpuKernel& kernel, const AttendCase& c, Data data)
      : RowProblem(describe(c), c.n[0] + c.n[1]),
        c_(c),
        rng_(11),
        seq_(c, rng_),
        cache_(kernel.w, c, static_cast<int>(seq_.order.size())) {
    k_ = FloatRows::random(c.dk * c.n_head_kv, total_, data, rng_);
    v_ = FloatRows::random(c.dv * c.n_head_kv, total_, data, rng_);
    add(a_.k, std::move(k_), Role::input);
    add(a_.v, std::move(v_), Role::input);
    k_data_ = a_.k, v_data_ = a_.v;
    a_.slot = cache_.view;
    a_.step = &step_;
    moved(0, total_);
    clear();
  }

  void moved(int first, int n) override { seq_.fill(step_, first, n); }
  void clear() override { std::memset(cache_.memory.data(), 0xff, cache_.memory.size()); }

  // Per row and head: K, then V, as floats. Nothing but these places is written.
  std::vector<std::byte> result() override {
    std::vector<float> out;
    std::vector<Cache::Place> places;
    for (int r = first_; r < first_ + n_rows_; ++r) {
      for (int h = 0; h < c_.n_head_kv; ++h) {
        const int32_t pos = seq_.row_pos[static_cast<size_t>(r)];
        const int page =
            seq_.table[seq_.row_seq[static_cast<size_t>(r)]][static_cast<size_t>(pos / 64)];
        for (int i = 0; i < c_.dk; ++i) places.push_back(cache_.k_place(page, h, i, pos % 64));
        for (int i = 0; i < c_.dv; ++i) places.push_back(cache_.v_place(page, h, i, pos % 64));
      }
    }
    for (const Cache::Place& p : places) out.push_back(cache_.value(p));
    std::vector<std::byte> left(cache_.memory.data(), cache_.memory.data() + cache_.memory.size());
    for (const Cache::Place& p : places) {
      std::memset(left.data() + p.code, 0xff, cache_.view.dtype == DType::f16 ? 2 : 1);
      if (cache_.view.dtype != DType::f16) std::memset(left.data() + p.scale, 0xff, 2);
    }
    EXPECT_TRUE(
        std::all_of(left.begin(), left.end(), [](std::byte b) { return b == std::byte{0xff}; }))
        << name_ << ": wrote elsewhere";
    const std::byte* p = reinterpret_cast<const std::byte*>(out.data());
    return {p, p + out.size() * 4};
  }

  std::vector<Expected> expected() override {
    std::vector<Expected> out;
    for (int r = 0; r < total_; ++r) {
      for (int h = 0; h < c_.n_head_kv; ++h) {
        expect_head(reinterpret_cast<const float*>(k_data_.row(r)) + h * c_.dk, c_.dk, out);
        expect_head(reinterpret_cast<const float*>(v_data_.row(r)) + h * c_.dv, c_.dv, out);
      }
    }
    return out;
  }

 private:
  void expect_head(const float* x, int d, std::vector<Expected>& out) const {
    const Vector v = Eigen::Map<const Eigen::VectorXf>(x, d).cast<double>();
    if (cache_.view.dtype == DType::f16) {
      for (double e : v) out.push_back({e, 0, std::fabs(e) * 0x1p-11 + 0x1p-25});
      return;
    }
    const Vector rotated = rotate(v);
    for (int i = 0; i < d; ++i) {
      const double scale = rotated.cwiseAbs().maxCoeff() / 127;
      // half a code, and the rounding of the scale to half at code 127
      out.push_back({rotated[i], std::fabs(rotated[i]), scale * 0.56});
    }
  }

  AttendCase c_;
  Rng rng_;
  Sequences seq_;
  Cache cache_;
  FloatRows k_, v_;
  Tensor k_data_, v_data_;
  StepState step_;
};

class AttendProblem : public RowProblem<AttendArgs> {
 public:
  AttendProblem(const CpuKernel& kernel, const AttendCase& c, Data data, bool split)
      : RowProblem(describe(c) + (split ? ", keys split" : ""), c.n[0] + c.n[1]),
        c_(c),
        rng_(12),
        seq_(c, rng_),
        cache_(kernel.w, c, static_cast<int>(seq_.order.size())) {
    for (int s = 0; s < 2; ++s) store(kernel, s, data);
    drop_pages();
    q_ = FloatRows::random(c.dk * c.n_head, total_, data, rng_);
    for (int r = 0; r < total_; ++r) {
      for (int64_t i = 0; i < c.dk * c.n_head; ++i) q_.row(r)[i] *= 6;  // weights far from equal
    }
    sinks_ = Guarded(static_cast<size_t>(c.n_head) * 4);
    fill_floats(sinks_.as<float>(), c.n_head, Data::uniform, rng_);
    add(a_.q, std::move(q_), Role::input);
    q_data_ = a_.q;
    add(a_.y, FloatRows(c.dv * c.n_head, total_), Role::output);
    a_.slot = cache_.view;
    a_.n_head = c.n_head;
    a_.window = c.window;
    a_.scale = 1 / std::sqrt(static_cast<float>(c.dk));
    a_.softcap = c.cap;
    a_.sinks = c.sinks ? sinks_.as<float>() : nullptr;
    a_.step = &step_;
    if (split) {
      cells_ = Guarded(kSplitFloats * sizeof(float), 64);
      done_.resize(kSplitItems);
      split_ = {done_.data(), cells_.as<float>()};
      a_.split = &split_;
    }
    moved(0, total_);
    clear();
  }

  void moved(int first, int n) override { seq_.fill(step_, first, n); }

  std::vector<std::byte> result() override {
    EXPECT_EQ(std::ranges::count(done_, 0), std::ssize(done_)) << name_ << ": parts left counted";
    return RowProblem::result();
  }

  std::vector<Expected> expected() override {
    std::vector<Expected> out;
    for (int h = 0; h < c_.n_head; ++h) {
      const int group = c_.n_head / c_.n_head_kv;
      for (int s = 0; h % group == 0 && s < 2; ++s) read(s, h / group);
      for (int r = 0; r < total_; ++r) expect_head(r, h, out);
    }
    return by_row(out);
  }

 private:
  // The whole sequence s into the cache, by the scalar kernel.
  void store(const CpuKernel& kernel, int s, Data data) {
    const int n = c_.past[s] + c_.n[s];
    if (n == 0) return;
    FloatRows k = FloatRows::random(c_.dk * c_.n_head_kv, n, data, rng_),
              v = FloatRows::random(c_.dv * c_.n_head_kv, n, data, rng_);
    Segment seg;
    seg.n_rows = n;
    seg.pages[c_.group] = seq_.table[s];
    const std::vector<int32_t> row_segment(static_cast<size_t>(n), 0);
    StepState step;
    step.n_rows = n;
    step.segments = {&seg, 1};
    step.row_segment = row_segment;
    const KvStoreArgs args{k.tensor, v.tensor, cache_.view, &step};
    const Registry<cpu::Ctx> registry(cpu::all_kernels());
    const CpuKernel* store = registry.scalar(Op::kv_store, kernel.w, DType::f32);
    const Guarded scratch(store->scratch(&args), 64);
    cpu::Ctx ctx{scratch.data()};
    store->run(&args, {0, store->items(&args)}, ctx);
  }

  // Pages that the window of no row reaches are given back, and somebody else's by now.
  void drop_pages() {
    for (int s = 0; c_.window > 0 && s < 2; ++s) {
      for (int p = 0; (p + 1) * 64 <= c_.past[s] - c_.window + 1; ++p) {
        int32_t& page = seq_.table[s][static_cast<size_t>(p)];
        std::memset(cache_.memory.data() + static_cast<size_t>(page) * cache_.view.page_bytes, 0xff,
                    cache_.view.page_bytes);
        page = -1;
      }
    }
  }

  // K and V of one head of a sequence as stored, rotation undone.
  void read(int s, int h) {
    const int n = c_.past[s] + c_.n[s];
    keys_[s] = Matrix::Zero(c_.dk, n), values_[s] = Matrix::Zero(c_.dv, n);
    for (int t = 0; t < n; ++t) {
      const int32_t page = seq_.table[s][static_cast<size_t>(t / 64)];
      if (page < 0) continue;
      for (int i = 0; i < c_.dk; ++i)
        keys_[s](i, t) = cache_.value(cache_.k_place(page, h, i, t % 64));
      for (int i = 0; i < c_.dv; ++i)
        values_[s](i, t) = cache_.value(cache_.v_place(page, h, i, t % 64));
    }
    if (cache_.view.dtype == DType::f16) return;
    keys_[s] = rotate(keys_[s]), values_[s] = rotate(values_[s]);
  }

  void expect_head(int r, int h, std::vector<Expected>& out) const {
    const int s = seq_.row_seq[static_cast<size_t>(r)], pos = seq_.row_pos[static_cast<size_t>(r)];
    std::vector<bool> visible(static_cast<size_t>(keys_[s].cols()));
    for (int t = 0; t < keys_[s].cols(); ++t) {
      visible[static_cast<size_t>(t)] = t <= pos && (c_.window == 0 || t > pos - c_.window) &&
                                        seq_.table[s][static_cast<size_t>(t / 64)] >= 0;
    }
    const Vector q = Eigen::Map<const Eigen::VectorXf>(
                         reinterpret_cast<const float*>(q_data_.row(r)) + h * c_.dk, c_.dk)
                         .cast<double>();
    const Vector y =
        attention(q, keys_[s], values_[s], visible, a_.scale, a_.softcap,
                  c_.sinks ? sinks_.as<float>()[h] : std::numeric_limits<double>::quiet_NaN());
    const double most = values_[s].cwiseAbs().maxCoeff();
    const double score =
        q.norm() * keys_[s].colwise().norm().maxCoeff() * static_cast<double>(a_.scale);
    for (double v : y) out.push_back({v, most * (1 + score)});
  }

  // Results are [row][head][dv]; `from` is [head][row][dv].
  std::vector<Expected> by_row(const std::vector<Expected>& from) const {
    std::vector<Expected> out;
    for (int r = 0; r < total_; ++r) {
      for (int h = 0; h < c_.n_head; ++h) {
        const auto at = from.begin() + (int64_t{h} * total_ + r) * c_.dv;
        out.insert(out.end(), at, at + c_.dv);
      }
    }
    return out;
  }

  AttendCase c_;
  Rng rng_;
  Sequences seq_;
  Cache cache_;
  FloatRows q_;
  Tensor q_data_;
  Guarded sinks_;
  Matrix keys_[2], values_[2];
  StepState step_;
  Guarded cells_;
  std::vector<int32_t> done_;
  AttendSplit split_{};
};

}  // namespace

void add_attention(const CpuKernel& kernel, Data data, Problems& out) {
  // extremes of code fields: no codes here
  if (data == Data::high || data == Data::low || data == Data::mixed) return;
  for (const AttendCase& c : kAttends) {
    if (kernel.op == Op::kv_store) out.push_back(std::make_unique<KvStoreProblem>(kernel, c, data));
    if (kernel.op == Op::attend)
      for (const bool split : {false, true}) out.push_back(attend_problem(kernel, c, data, split));
  }
}

std::unique_ptr<Problem> attend_problem(const CpuKernel& kernel, const AttendCase& c, Data data,
                                        bool split) {
  return std::make_unique<AttendProblem>(kernel, c, data, split);
}

}  // namespace engine::test
