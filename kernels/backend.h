// Backend and Executable: what a device offers to the engine. A CPU executable runs when wait() is
// called; a GPU launches in submit().
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/core/arena.h"
#include "engine/core/result.h"
#include "engine/core/thread_pool.h"
#include "kernels/graph.h"
#include "kernels/page_move.h"

namespace engine {

struct DeviceInfo {
  std::string backend, name, features;  // "cpu", "AMD EPYC ...", "avx2 fma ..."
  size_t memory_total = 0, memory_free = 0;
};

struct Batch {
  std::span<const Token> tokens;       // [n_rows]
  std::span<const int32_t> positions;  // [n_rows]
  std::span<const Segment> segments;   // in row order, covering all rows
  std::span<const OutputNeed> needs;   // [n_rows]
};

struct BatchOutput {
  // One per row whose need is not none, in row order; valid until the next submit.
  std::span<const RowOutput> rows;
};

struct StepReport {
  std::string op, kernel, weight, split;
  int32_t layer = -1;
  int64_t k = 0, out = 0;
  size_t bytes = 0;  // of all its weights
  bool barrier = false;
  // Work of a row, for kernels/plan/work.h.
  bool outputs = false;              // only rows that want an output are computed
  bool int8 = false;                 // the products are of bytes
  int64_t row_macs = 0;              // products with the weights
  int64_t pass_rows = 0;             // rows served by reading the weights once; 0: all
  int32_t n_expert = 0, n_used = 0;  // 0: not a matrix per expert
  int64_t key_macs = 0;              // attention: products of a row with a key and its value
  size_t key_bytes = 0;              // bytes of a key and its value in the cache
  int32_t window = 0;                // keys that a row sees at most; 0: all
  int64_t run_ns = 0, wait_ns = 0;   // profiled: in the kernel, at the barrier; of all workers
};

struct PlanReport {
  std::vector<StepReport> steps;
  size_t shared_bytes = 0, worker_bytes = 0, weight_bytes = 0;
  int workers = 0;
  int64_t profiled = 0, profiled_ns = 0;  // passes over the plan with profiling on, and their time
};

// What a matmul is about to multiply, for statistics of activations.
struct MatmulInput {
  const std::string* weights[2];  // names as in the file; the second of a gated pair, or nullptr
  Tensor x;                       // f32 [k, rows]
  int64_t rows;
  // nullptr: one matrix, all rows. Else the matrix of expert e meets, of each entry of e, row `entry`
  // of x (x_per_entry) or row entry / n_used.
  const ExpertList* experts;
  bool x_per_entry;
};
using MatmulObserver = std::function<void(const MatmulInput&)>;

// A compiled graph with its activation and scratch memory. One caller at a time.
class Executable {
 public:
  virtual ~Executable() = default;
  // Views in the batch must stay valid until wait() returns.
  // Requires: rows <= CompileOptions::max_rows.
  virtual void submit(const Batch&) = 0;
  virtual Status wait(BatchOutput&) = 0;
  virtual PlanReport report() const = 0;
  // Takes the time of every step from now on (true, from zero) or no longer.
  // Off at first, and free when off.
  virtual void profile(bool on) = 0;
  // From the next step on `observer` sees the input of every matmul before it is multiplied, on one
  // of the threads; nullptr ends it. Errc::unsupported: activations are quantized in this plan
  // (load the model as reference).
  virtual Status observe(MatmulObserver observer) = 0;
  // Whether what is stored in the cache can be used at other positions (kernels/plan/key_ropes.h).
  virtual bool can_move_pages() const = 0;
  // Copies pages and turns their keys back by `back` positions; values know none. Between steps.
  // Results of a step stay valid. Requires: can_move_pages(); no page is written twice.
  virtual void move_pages(std::span<const PageMove> moves, int32_t back) = 0;
};

// The pages of one device: storage of every cache slot; slot i of the graph, page p lies at
// views[i].base + p * views[i].page_bytes.
struct PageStore {
  std::vector<CacheSlotView> views;
  std::vector<Buffer> buffers;
};

struct WeightSource {
  Tensor host;  // rows as in the file; data stays valid while the backend lives
  bool matmul = false, embed = false;
};

struct WeightOptions {
  bool reference = false;  // all as f32
  bool repack = true;      // false: matrices stay where they lie and are packed while they are read
  // Called from the threads that pack, at the same time:
  // these bytes of a source were read and are not needed again.
  std::function<void(std::span<const std::byte>)> packed;
};

struct CompileOptions {
  int max_rows = 512;
  int max_outputs = 64;  // rows of one step that may want an output
  int max_top = 1024;    // largest OutputNeed::k
  int threads = 0;       // 0: all of the pool
  bool verify = false;   // ENGINE_VERIFY
};

class Backend {
 public:
  virtual ~Backend() = default;
  virtual const DeviceInfo& info() const = 0;
  virtual Status can_run(const Graph&) const = 0;  // Errc::unsupported names the op and the reason
  // Lays the weights out for the kernels that will read them, once;
  // results in the order of sources.
  virtual Result<std::vector<Tensor>> load_weights(std::span<const WeightSource> sources,
                                                   const WeightOptions& options) = 0;
  // pages[g]: pages of cache group g.
  virtual Result<PageStore> make_pages(const Graph&, std::span<const int32_t> pages,
                                       DType kv_type) = 0;
  // weights: one per Graph::weights. The graph is taken after its model-independent passes
  // (kernels/plan/passes.h).
  virtual Result<std::unique_ptr<Executable>> compile(const Graph&, std::span<const Tensor> weights,
                                                      const PageStore&, const CompileOptions&) = 0;
};

struct BackendOptions {
  ThreadPool* pool = nullptr;
  uint64_t features = 0;  // instruction sets that may be used
  std::string overrides;  // ENGINE_KERNELS
};

#define BACKEND(name) Result<std::unique_ptr<Backend>> make_##name##_backend(const BackendOptions&);
#include "kernels/backends.inc"

// Names of the backends in this build.
std::vector<std::string> backend_names();

}  // namespace engine
