// Speed of a model: prompt processing and generation in tokens per second. Method, fields and
// tables are those of llama-bench, so results of both programs can be joined on (model_type,
// n_prompt, n_gen, n_depth, n_threads).
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/core/result.h"
#include "engine/core/thread_pool.h"
#include "engine/roofs/roofs.h"
#include "engine/run/model.h"
#include "kernels/plan/work.h"

namespace engine {

struct BenchModel {
  std::string shown;  // model_filename: as the user wrote it, or "synth:SHAPE:TYPE"
  std::string path;
  std::string synth;  // "SHAPE:TYPE": random weights, no file
  std::vector<LoraFile> adapters = {};
  std::vector<std::string> shards = {};  // as in LoadOptions
};

// Every combination of the lists is measured.
struct BenchGrid {
  std::vector<BenchModel> models;
  std::vector<int> n_prompt = {512}, n_gen = {128}, n_depth = {0};
  std::vector<std::pair<int, int>> prompt_gen;  // -pg: both in one test
  std::vector<int> n_batch = {2048}, n_ubatch = {512}, n_threads;
  std::vector<std::string> kv_types = {"f16"};
  std::vector<int> n_parallel = {1};  // -npl: sequences that generate together
  int repetitions = 5;
  bool warmup = true;
  bool roofs = true;               // measure the machine first, for every number of threads
  bool map = true, repack = true;  // LoadOptions
  bool profile = false;            // take the time of every step in the last repetition
};

struct BenchCase {
  BenchModel model;
  int n_prompt = 0, n_gen = 0, n_depth = 0, n_batch = 2048, n_ubatch = 512, n_threads = 1;
  std::string kv_type = "f16";
  int n_parallel = 1;
};

struct BenchRow {
  BenchCase test;
  std::string model_type;  // "qwen2 1.5B Q4_K - Medium"
  int64_t model_size = 0, n_params = 0;
  int64_t bytes_per_token = 0;  // weights, as they lie in memory
  std::string test_time;        // UTC, when the test began
  std::vector<int64_t> samples_ns;
  PassWork work;        // of one repetition, counted from the plan
  roofs::Roofs roofs;   // of so many threads; workers is 0: not measured
  std::string profile;  // the times of its steps as a table

  std::vector<double> samples_ts() const;
  double avg_ns() const;
  double stddev_ns() const;
  double avg_ts() const;
  double stddev_ts() const;
  std::string test_name() const;  // "pp512", "tg128 @ d4096", "tg32 x8"
  double gb_per_s() const;        // weights and cache read
  double gmac_per_s() const;
  double read_percent() const;  // of the read bandwidth
  // Time that the products would take at the peak of their chain, of the time taken.
  double mac_percent() const;
};

using BenchProgress = std::function<void(int test, int tests, std::string_view what)>;

// Runs the tests in the order of llama-bench and hands out each row when it is measured. pool has
// at least as many workers as the largest n_threads.
Status run_bench(const BenchGrid& grid, ThreadPool& pool,
                 const std::function<void(const BenchRow&)>& row, const BenchProgress& progress);

// "1B", "270M", "?B": the size that tables show, from the architecture and its sizes.
std::string model_size_label(std::string_view arch, int n_layer, int n_embd, int n_vocab,
                             int n_expert);

// "512", "1,2,8", "1-4", "128-512+128", "1-64*2": appended to out. Errc::invalid_argument.
Status parse_bench_ints(std::string_view text, std::vector<int>& out);

}  // namespace engine
