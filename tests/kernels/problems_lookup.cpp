// embed, take_rows, rope_table and quantize_act.
#include <gtest/gtest.h>

#include "engine/core/cpu_info.h"
#include "tests/kernels/problems.h"
#include "tests/kernels/row_problem.h"

namespace engine::test {
namespace {

class EmbedProblem : public RowProblem<EmbedArgs> {
 public:
  EmbedProblem(const CpuKernel& kernel, const LookupCase& c, Data data, const Pack* pack,
               LookupBy by = LookupBy::token)
      : RowProblem("width " + std::to_string(c.width) + " words " + std::to_string(c.words) +
                       (pack != nullptr ? " packed" : "") + " by " +
                       std::to_string(static_cast<int>(by)),
                   c.n),
        c_(c) {
    Rng rng(8);
    memory_ = Guarded(static_cast<size_t>(row_bytes(kernel.w, c.width) * c.words));
    fill_weights(kernel.w, memory_.data(), static_cast<int64_t>(memory_.size()), data, rng);
    file_ = make_tensor(memory_.data(), kernel.w, c.width, c.words);
    a_.table = file_;
    if (pack != nullptr) {
      packed_ = Guarded(pack->bytes(file_), 64);
      pack->run(file_, {0, (c.words + pack->rows - 1) / pack->rows}, packed_.data());
      a_.table.data = packed_.data();
      a_.table.pack = pack->id;
      a_.pack = pack;
    }
    for (int r = 0; r < c.n; ++r)
      rows_.push_back(static_cast<int32_t>(r == 0 ? c.words - 1 : rng.below(c.words)));
    others_.assign(rows_.size(), 0x7fffffff);  // not to be looked at
    if (by == LookupBy::first) std::swap(rows_, others_);
    a_.by = by;
    add(a_.y, FloatRows(c.width, c.n), Role::output);
    a_.scale = 1.5f;
    a_.step = &step_;
    moved(0, c.n);
    clear();
  }

  void moved(int first, int n) override {
    const auto part = [&](const std::vector<int32_t>& of) {
      return std::span<const int32_t>(of).subspan(static_cast<size_t>(first),
                                                  static_cast<size_t>(n));
    };
    step_.n_rows = n;
    step_.tokens = part(a_.by == LookupBy::position ? others_ : rows_);
    step_.positions = part(a_.by == LookupBy::position ? rows_ : others_);
  }

  std::vector<Expected> expected() override {
    std::vector<Expected> out;
    std::vector<float> row(static_cast<size_t>(c_.width));
    for (int32_t r : rows_) {
      const int64_t at = a_.by == LookupBy::first ? 0 : r;
      codec(file_.dtype)->dequant_row(file_.row(at), row.data(), c_.width);
      for (float v : row) out.push_back({1.5 * v, 0});
    }
    return out;
  }

 private:
  LookupCase c_;
  Guarded memory_, packed_;
  Tensor file_;
  std::vector<int32_t> rows_, others_;
  StepState step_;
};

class TakeRowsProblem : public RowProblem<TakeRowsArgs> {
 public:
  TakeRowsProblem(const LookupCase& c, Data data)
      : RowProblem("width " + std::to_string(c.width), c.n), c_(c) {
    Rng rng(9);
    x_ = FloatRows::random(c.width, c.words, data, rng);
    a_.x = x_.tensor;
    for (int r = 0; r < c.n; ++r)
      rows_.push_back(static_cast<int32_t>(r == 0 ? c.words - 1 : rng.below(c.words)));
    add(a_.y, FloatRows(c.width, c.n), Role::output);
    a_.step = &step_;
    step_.n_rows = static_cast<int32_t>(c.words);
    moved(0, c.n);
    clear();
  }

  void moved(int first, int n) override {
    step_.n_out = n;
    step_.out_rows =
        std::span<const int32_t>(rows_).subspan(static_cast<size_t>(first), static_cast<size_t>(n));
  }

  std::vector<Expected> expected() override {
    std::vector<Expected> out;
    for (int32_t r : rows_) {
      for (int64_t i = 0; i < c_.width; ++i) out.push_back({x_.row(r)[i], 0});
    }
    return out;
  }

 private:
  LookupCase c_;
  FloatRows x_;
  std::vector<int32_t> rows_;
  StepState step_;
};

class RopeTableProblem : public RowProblem<RopeTableArgs> {
 public:
  explicit RopeTableProblem(const RopeCase& c)
      : RowProblem("rot " + std::to_string(c.n_rot), c.n), c_(c) {
    freq_ = Guarded(static_cast<size_t>(c.n_rot / 2) * sizeof(double));
    for (int i = 0; i < c.n_rot / 2; ++i)
      freq_.as<double>()[i] = std::pow(10000.0, -2.0 * i / c.n_rot);
    // beyond what float angles can tell apart
    for (int r = 0; r < c.n; ++r) positions_.push_back(r * r * 40009);
    add(a_.y, FloatRows(c.n_rot, c.n), Role::output);
    a_.freq = freq_.as<double>();
    a_.mscale = 1.25f;
    a_.n_rot = c.n_rot;
    a_.step = &step_;
    moved(0, c.n);
    clear();
  }

  void moved(int first, int n) override {
    step_.n_rows = n;
    step_.positions = std::span<const int32_t>(positions_)
                          .subspan(static_cast<size_t>(first), static_cast<size_t>(n));
  }

  std::vector<Expected> expected() override {
    std::vector<Expected> out;
    for (int32_t p : positions_) {
      for (int i = 0; i < c_.n_rot; ++i) {
        const double angle = p * freq_.as<double>()[i % (c_.n_rot / 2)];
        out.push_back({1.25 * (i < c_.n_rot / 2 ? std::cos(angle) : std::sin(angle)), 0.1});
      }
    }
    return out;
  }

 private:
  RopeCase c_;
  Guarded freq_;
  std::vector<int32_t> positions_;
  StepState step_;
};

// Codes and sums are integers and their products with one float: every kernel gives the same bytes.
// The definition is checked by quantize_test.cpp.
class QuantizeProblem : public Problem {
 public:
  QuantizeProblem(DType type, const RowCase& c, Data data) : c_(c), n_rows_(c.n) {
    Rng rng(10);
    x_ = FloatRows::random(c.width, c.n, data, rng);
    bytes_ = row_bytes(type, c.width), stride_ = (bytes_ + 63) / 64 * 64;
    y_ = Guarded(static_cast<size_t>((c.n - 1) * stride_ + bytes_), 64);
    a_.x = x_.tensor;
    a_.y = make_tensor(y_.data(), type, c.width, c.n);
    a_.y.nb[1] = stride_;
    a_.n_rows = &n_rows_;
  }

  std::string name() const override {
    return "width " + std::to_string(c_.width) + " n " + std::to_string(c_.n);
  }
  const void* args() const override { return &a_; }
  int rows() const override { return c_.n; }
  void use_rows(int n) override { move(0, n); }
  bool only_row(int r) override {
    move(r, 1);
    return true;
  }
  void clear() override { std::memset(y_.data(), 0xff, y_.size()); }
  std::vector<std::byte> result() override {
    std::vector<std::byte> out;
    for (int r = first_; r < first_ + n_rows_; ++r)
      out.insert(out.end(), y_.data() + r * stride_, y_.data() + r * stride_ + bytes_);
    return out;
  }
  std::vector<Expected> expected() override { return {}; }

 private:
  void move(int first, int n) {
    first_ = first, n_rows_ = n;
    a_.x.data = x_.tensor.row(first);
    a_.y.data = y_.data() + first * stride_;
  }

  RowCase c_;
  int32_t n_rows_;
  int first_ = 0;
  int64_t bytes_, stride_;
  FloatRows x_;
  Guarded y_;
  QuantizeArgs a_{};
};

}  // namespace

void add_lookup(const CpuKernel& kernel, Data data, Problems& out) {
  for (const LookupCase& c : kLookups) {
    if (kernel.op == Op::take_rows) out.push_back(std::make_unique<TakeRowsProblem>(c, data));
    if (kernel.op != Op::embed || c.width % traits(kernel.w).block_elems != 0) continue;
    for (const LookupBy by : {LookupBy::token, LookupBy::position, LookupBy::first})
      out.push_back(std::make_unique<EmbedProblem>(kernel, c, data, nullptr, by));
    uint16_t last = 0;
    for (const CpuKernel* k : cpu::all_kernels()) {  // as every packing of the type
      if (k->op != Op::matmul || k->w != kernel.w || k->pack == nullptr || k->pack->id == last)
        continue;
      if ((k->needs & ~cpu_features()) != 0) continue;  // its packing is code for that machine
      last = k->pack->id;
      out.push_back(std::make_unique<EmbedProblem>(kernel, c, data, k->pack));
    }
  }
  if (kernel.op == Op::rope_table) {
    for (const RopeCase& c : kRopes) out.push_back(std::make_unique<RopeTableProblem>(c));
  }
}

void add_quantize(const CpuKernel& kernel, Data data, Problems& out) {
  if (kernel.op != Op::quantize_act) return;
  for (const RowCase& c : kQuantizes) {
    if (c.width % traits(kernel.w).block_elems == 0)
      out.push_back(std::make_unique<QuantizeProblem>(kernel.w, c, data));
  }
}

}  // namespace engine::test
