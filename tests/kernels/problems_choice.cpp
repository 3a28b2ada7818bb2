// top_logits and router_topk: choices are exact, sums and weights within tolerance.
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "tests/kernels/problems.h"
#include "tests/support/oracle.h"

namespace engine::test {
namespace {

std::vector<std::byte> bytes_of(const std::vector<float>& v) {
  const std::byte* p = reinterpret_cast<const std::byte*>(v.data());
  return {p, p + v.size() * 4};
}

class TopProblem : public Problem {
 public:
  TopProblem(const TopCase& c, Data data)
      : c_(c), groups_((c.n_vocab + kTopGroup - 1) / kTopGroup) {
    Rng rng(13);
    logits_ = FloatRows::random(c.n_vocab, c.n, data, rng);
    for (int r = 0; r < c.n; ++r) {
      for (int64_t i = 0; i < c.n_vocab; ++i)
        logits_.row(r)[i] = std::round(logits_.row(r)[i] * 500) / 8;  // with ties
    }
    const size_t lists = static_cast<size_t>(c.n * groups_);
    best_ = Guarded(lists * static_cast<size_t>(c.k) * sizeof(Candidate));
    counts_ = Guarded(lists * 4), max_ = Guarded(lists * 4), sum_ = Guarded(lists * 4);
    for (int r = 0; r < c.n; ++r) {
      OutputNeed need;
      need.kind = r % 4 == 3 ? OutputNeed::full : OutputNeed::top;
      need.k = r % 3 == 2 ? std::min(3, c.k) : c.k;
      need.logsumexp = r % 2 == 0;
      needs_.push_back(need);
    }
    a_.logits = logits_.tensor;
    a_.k_max = c.k;
    a_.step = &step_;
    use_rows(c.n);
    clear();
  }

  std::string name() const override {
    return "vocabulary " + std::to_string(c_.n_vocab) + " k " + std::to_string(c_.k);
  }
  const void* args() const override { return &a_; }
  int rows() const override { return c_.n; }
  void use_rows(int n) override { move(0, n); }
  bool only_row(int r) override {
    move(r, 1);
    return true;
  }
  void clear() override {
    for (Guarded* g : {&best_, &counts_, &max_, &sum_}) std::memset(g->data(), 0xff, g->size());
  }

  // Per group of a row: count, (id, logit) k times, max, sum; 0 where the need does not ask.
  std::vector<std::byte> result() override {
    std::vector<float> out;
    for (int64_t list = first_ * groups_; list < (first_ + n_) * groups_; ++list) {
      const OutputNeed& need = needs_[static_cast<size_t>(list / groups_)];
      const int32_t count = need.kind == OutputNeed::top ? counts_.as<int32_t>()[list] : 0;
      out.push_back(static_cast<float>(count));
      for (int i = 0; i < c_.k; ++i) {
        const Candidate c = i < count ? best_.as<Candidate>()[list * c_.k + i] : Candidate{0, 0};
        out.push_back(static_cast<float>(c.id)), out.push_back(c.logit);
      }
      const bool sums = need.kind == OutputNeed::top && need.logsumexp;
      out.push_back(sums ? max_.as<float>()[list] : 0),
          out.push_back(sums ? sum_.as<float>()[list] : 0);
    }
    return bytes_of(out);
  }

  std::vector<Expected> expected() override {
    std::vector<Expected> out;
    for (int r = 0; r < c_.n; ++r) {
      for (int64_t g = 0; g < groups_; ++g) expect_group(r, g, out);
    }
    return out;
  }

 private:
  void move(int first, int n) {
    first_ = first, n_ = n;
    a_.logits.data = logits_.tensor.row(first);
    a_.best = best_.as<Candidate>() + first * groups_ * c_.k;
    a_.counts = counts_.as<int32_t>() + first * groups_;
    a_.max = max_.as<float>() + first * groups_;
    a_.sum = sum_.as<float>() + first * groups_;
    step_.n_out = n;
    step_.needs = std::span<const OutputNeed>(needs_).subspan(static_cast<size_t>(first),
                                                              static_cast<size_t>(n));
  }

  void expect_group(int r, int64_t g, std::vector<Expected>& out) const {
    const OutputNeed& need = needs_[static_cast<size_t>(r)];
    const float* x = logits_.row(r);
    std::vector<int64_t> ids(static_cast<size_t>(std::min(c_.n_vocab - g * kTopGroup, kTopGroup)));
    std::iota(ids.begin(), ids.end(), g * kTopGroup);
    std::sort(ids.begin(), ids.end(),
              [&](int64_t a, int64_t b) { return x[a] != x[b] ? x[a] > x[b] : a < b; });
    const bool top = need.kind == OutputNeed::top;
    const int count = top ? std::min(need.k, static_cast<int>(ids.size())) : 0;
    out.push_back({static_cast<double>(count), 0});
    for (int i = 0; i < c_.k; ++i) {
      const int64_t id = i < count ? ids[static_cast<size_t>(i)] : -1;
      out.push_back({id < 0 ? 0 : static_cast<double>(id), 0}),
          out.push_back({id < 0 ? 0 : x[id], 0});
    }
    const double max = x[ids[0]];
    double sum = 0;
    for (int64_t id : ids) sum += std::exp(x[id] - max);
    const bool sums = top && need.logsumexp;
    out.push_back({sums ? max : 0, 0}), out.push_back({sums ? sum : 0, sums ? sum : 0});
  }

  TopCase c_;
  int64_t groups_;
  int first_ = 0, n_ = 0;
  FloatRows logits_;
  Guarded best_, counts_, max_, sum_;
  std::vector<OutputNeed> needs_;
  StepState step_;
  TopArgs a_{};
};

class RouterProblem : public Problem {
 public:
  RouterProblem(const RouterCase& c, Data data) : c_(c) {
    Rng rng(14);
    logits_ = FloatRows::random(c.n_expert, c.n, data, rng);
    for (int r = 0; r < c.n; ++r) {
      for (int e = 0; e < c.n_expert; ++e)
        logits_.row(r)[e] = std::round(logits_.row(r)[e] * 24) / 8;  // with ties
    }
    bias_ = Guarded(static_cast<size_t>(c.n_expert) * 4);
    for (int e = 0; e < c.n_expert; ++e)
      bias_.as<float>()[e] = static_cast<float>(rng.below(5)) / 2;
    weights_ = Guarded(static_cast<size_t>(c.n * c.n_used) * 4);
    offsets_ = Guarded(static_cast<size_t>(c.n_expert + 1) * 4);
    entries_ = Guarded(static_cast<size_t>(c.n * c.n_used) * 4);
    list_ = {c.n_expert, c.n_used, offsets_.as<int32_t>(), entries_.as<int32_t>()};
    a_.logits = logits_.tensor;
    a_.select_bias = c.bias ? bias_.as<float>() : nullptr;
    a_.sigmoid = c.sigmoid, a_.normalize = c.normalize, a_.scale = 1.5f;
    a_.list = &list_;
    a_.n_rows = &n_rows_;
    use_rows(c.n);
    clear();
  }

  std::string name() const override {
    return "experts " + std::to_string(c_.n_expert) + " used " + std::to_string(c_.n_used);
  }
  const void* args() const override { return &a_; }
  int rows() const override { return c_.n; }
  void use_rows(int n) override { move(0, n); }
  bool only_row(int r) override {
    move(r, 1);
    return true;
  }
  void clear() override {
    for (Guarded* g : {&weights_, &offsets_, &entries_}) std::memset(g->data(), 0xff, g->size());
  }

  // Per row: (expert, weight) of each slot, from the lists.
  std::vector<std::byte> result() override {
    std::vector<float> out(static_cast<size_t>(n_rows_ * c_.n_used) * 2, -1);
    const int32_t* offsets = offsets_.as<int32_t>();
    EXPECT_EQ(offsets[0], 0);
    EXPECT_EQ(offsets[c_.n_expert], n_rows_ * c_.n_used);
    for (int e = 0; e < c_.n_expert; ++e) {
      for (int32_t i = offsets[e]; i < offsets[e + 1]; ++i) {
        const int32_t entry = entries_.as<int32_t>()[i];
        if (i > offsets[e]) {
          EXPECT_GT(entry, entries_.as<int32_t>()[i - 1]);
        }
        out[static_cast<size_t>(entry) * 2] = static_cast<float>(e);
        out[static_cast<size_t>(entry) * 2 + 1] = weights_.as<float>()[first_ * c_.n_used + entry];
      }
    }
    return bytes_of(out);
  }

  std::vector<Expected> expected() override {
    std::vector<Expected> out;
    for (int r = 0; r < c_.n; ++r) {
      const Vector x =
          Eigen::Map<const Eigen::VectorXf>(logits_.row(r), c_.n_expert).cast<double>();
      Vector p = c_.sigmoid ? Vector((1 + (-x.array()).exp()).inverse())
                            : Vector((x.array() - x.maxCoeff()).exp());
      if (!c_.sigmoid) p /= p.sum();
      std::vector<int> ids(static_cast<size_t>(c_.n_expert));
      std::iota(ids.begin(), ids.end(), 0);
      // Equal logits and biases give equal scores in any precision.
      const auto score = [&](int e) { return p[e] + (c_.bias ? bias_.as<float>()[e] : 0.0f); };
      std::stable_sort(ids.begin(), ids.end(), [&](int a, int b) { return score(a) > score(b); });
      double sum = 0;
      for (int s = 0; s < c_.n_used; ++s) sum += p[ids[static_cast<size_t>(s)]];
      for (int s = 0; s < c_.n_used; ++s) {
        const double w = p[ids[static_cast<size_t>(s)]] * 1.5 / (c_.normalize ? sum : 1);
        out.push_back({static_cast<double>(ids[static_cast<size_t>(s)]), 0}), out.push_back({w, w});
      }
    }
    return out;
  }

 private:
  void move(int first, int n) {
    first_ = first, n_rows_ = n;
    a_.logits.data = logits_.tensor.row(first);
    a_.weights = weights_.as<float>() + first * c_.n_used;
  }

  RouterCase c_;
  int32_t n_rows_ = 0;
  int first_ = 0;
  FloatRows logits_;
  Guarded bias_, weights_, offsets_, entries_;
  ExpertList list_{};
  RouterArgs a_{};
};

}  // namespace

void add_choice(const CpuKernel& kernel, Data data, Problems& out) {
  if (kernel.op == Op::top_logits) {
    for (const TopCase& c : kTops) out.push_back(std::make_unique<TopProblem>(c, data));
  }
  if (kernel.op == Op::router_topk) {
    for (const RouterCase& c : kRouters) out.push_back(std::make_unique<RouterProblem>(c, data));
  }
}

}  // namespace engine::test
