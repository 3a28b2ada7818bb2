// Access to the golden data beside the checkout, and to the engine
// as a function from tokens to logits.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "engine/core/thread_pool.h"
#include "engine/run/model.h"
#include "tests/support/data_dirs.h"

namespace engine::golden {

using testing::models_dir;
using testing::shared_dir;

inline bool exists(const std::string& path) {
  return std::ifstream(path).good();
}

template <class T>
std::vector<T> read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary | std::ios::ate);
  std::vector<T> out(static_cast<size_t>(in.tellg()) / sizeof(T));
  in.seekg(0);
  in.read(reinterpret_cast<char*>(out.data()),
          static_cast<std::streamsize>(out.size() * sizeof(T)));
  return out;
}

// Instruction sets this machine can be capped to, best first.
std::vector<std::string> usable_isas();

// All logits [n_tokens, n_vocab] of one sequence, fed chunk tokens at a time.
std::vector<float> logits(Model& model, const std::vector<Token>& tokens, int chunk);

std::unique_ptr<Model> load(const std::string& path, ThreadPool& pool, LoadOptions options = {});

// sum (a - b)^2 / sum b^2
double nmse(const std::vector<float>& a, const std::vector<float>& b);

}  // namespace engine::golden
