#include "tests/golden/golden.h"

#include "engine/core/cpu_info.h"

namespace engine::golden {

std::vector<std::string> usable_isas() {
  std::vector<std::string> out = {"scalar"};
  const uint64_t have = cpu_features();
  if (have & isa::avx2) out.insert(out.begin(), "avx2");
  if (have & isa::avx512) out.insert(out.begin(), "avx512");
  if (have & isa::avx512vnni) out.insert(out.begin(), "avx512vnni");
  return out;
}

std::unique_ptr<Model> load(const std::string& path, ThreadPool& pool, LoadOptions options) {
  if (options.n_ctx == 0) options.n_ctx = 1024;
  auto model = Model::load(path, options, pool);
  if (!model) {
    ADD_FAILURE() << path << ": " << model.error().message;
    return nullptr;
  }
  return std::move(*model);
}

std::vector<float> logits(Model& model, const std::vector<Token>& tokens, int chunk) {
  std::vector<float> out;
  auto seq = model.open({});
  EXPECT_TRUE(static_cast<bool>(seq));
  for (size_t at = 0; at < tokens.size();) {
    const size_t n = std::min(
        {tokens.size() - at, static_cast<size_t>(chunk), static_cast<size_t>(model.max_outputs())});
    const std::vector<OutputNeed> needs(n, OutputNeed{OutputNeed::full});
    const Model::Rows rows{*seq, std::span(tokens).subspan(at, n), needs};
    auto result = model.step({&rows, 1});
    if (!result) {
      ADD_FAILURE() << result.error().message;
      break;
    }
    for (const RowOutput& r : *result) out.insert(out.end(), r.full.begin(), r.full.end());
    at += n;
  }
  model.close(*seq, false);
  return out;
}

double nmse(const std::vector<float>& a, const std::vector<float>& b) {
  EXPECT_EQ(a.size(), b.size());
  double d = 0, n = 0;
  for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    d += (static_cast<double>(a[i]) - b[i]) * (static_cast<double>(a[i]) - b[i]);
    n += static_cast<double>(b[i]) * b[i];
  }
  return d / n;
}

}  // namespace engine::golden
