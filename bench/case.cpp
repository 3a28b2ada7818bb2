#include "bench/case.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <sstream>

#include "engine/tools/synth_shapes.h"

namespace engine::bench {

std::vector<std::string> shape_names() {
  std::vector<std::string> out;
  for (const ShapeText& s : shape_texts()) out.emplace_back(s.name);
  return out;
}

ModelShape read_shape(const std::string& name) {
  for (const ShapeText& s : shape_texts()) {
    if (s.name != name) continue;
    ModelShape m;
    m.name = name;
    const std::pair<const char*, int*> kFields[] = {
        {"n_embd", &m.n_embd},       {"n_ff", &m.n_ff},         {"n_head", &m.n_head},
        {"n_head_kv", &m.n_head_kv}, {"head_dim", &m.head_dim}, {"n_vocab", &m.n_vocab},
        {"window", &m.window}};
    std::istringstream lines{std::string(s.text)};
    for (std::string line; std::getline(lines, line);) {
      std::istringstream words(line);
      Matrix matrix{};
      if (words >> matrix.k >> matrix.out >> matrix.n) {
        m.matrices.push_back(matrix);
        continue;
      }
      words.clear();
      words.str(line);
      std::string key;
      words >> key;
      for (const auto& [field, value] : kFields)
        if (key == field) words >> *value;
    }
    return m;
  }
  std::fprintf(stderr, "error: no shape %s; known:", name.c_str());
  for (const std::string& known : shape_names()) std::fprintf(stderr, " %s", known.c_str());
  std::fprintf(stderr, "\n");
  std::exit(1);
}

std::byte* Case::memory(size_t bytes, bool huge) {
  auto buffer = Buffer::allocate(std::max<size_t>(bytes, 64), huge);
  if (!buffer) {
    std::fprintf(stderr, "error: %s\n", buffer.error().message.c_str());
    std::exit(1);
  }
  buffers_.push_back(std::move(*buffer));
  return buffers_.back().data();
}

float* Case::floats(int64_t n, uint32_t seed) {
  float* p = reinterpret_cast<float*>(memory(static_cast<size_t>(n) * 4));
  std::mt19937 rng(seed);
  std::normal_distribution<float> normal;
  for (int64_t i = 0; i < n; ++i) p[i] = normal(rng);
  return p;
}

size_t cold_bytes() {
  const long llc = sysconf(_SC_LEVEL3_CACHE_SIZE);
  return 4 * static_cast<size_t>(llc > 0 ? llc : 32 << 20);
}

void run_whole(const CpuKernel& kernel, const void* args) {
  auto scratch = Buffer::allocate(kernel.scratch ? kernel.scratch(args) + 64 : 64);
  cpu::Ctx ctx{scratch->data()};
  kernel.run(args, {0, kernel.items(args)}, ctx);
}

std::vector<float> rows_of(const Tensor& t, int rows) {
  std::vector<float> out;
  for (int r = 0; r < rows; ++r) {
    const float* row = reinterpret_cast<const float*>(t.row(r));
    out.insert(out.end(), row, row + t.ne[0]);
  }
  return out;
}

const CpuKernel* scalar_of(Op op, DType w, DType x) {
  static const Registry<cpu::Ctx> registry(cpu::all_kernels());
  return registry.scalar(op, w, x);
}

}  // namespace engine::bench
