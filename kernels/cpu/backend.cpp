// The CPU backend: registry, weights, pages, plans.
#include "kernels/backend.h"

#include <fmt/format.h>
#include <unistd.h>

#include "engine/core/cpu_info.h"
#include "kernels/cpu/executor.h"
#include "kernels/cpu/lookup.h"
#include "kernels/cpu/plan.h"
#include "kernels/cpu/weights.h"

namespace engine {
namespace cpu {

const Pack* find_pack(uint16_t id) {
  return Registry<Ctx>(all_kernels()).find_pack(id);
}

namespace {

class CpuBackend final : public Backend {
 public:
  CpuBackend(const BackendOptions& o)
      : pool_(*o.pool), features_(o.features), registry_(all_kernels()) {
    const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    info_ = {"cpu", cpu_model_name(), feature_names(features_),
             page * static_cast<size_t>(sysconf(_SC_PHYS_PAGES)),
             page * static_cast<size_t>(sysconf(_SC_AVPHYS_PAGES))};
  }
  Status set_overrides(const std::string& s) { return registry_.set_overrides(s); }

  const DeviceInfo& info() const override { return info_; }

  Status can_run(const Graph& graph) const override {
    for (const Node& n : graph.nodes) {
      bool found = false;
      for (const Kernel<Ctx>* k : registry_.all())
        found |= k->op == n.op && (k->needs & ~features_) == 0;
      if (!found)
        return Error{Errc::unsupported,
                     fmt::format("layer {} needs the operator {}, which has no CPU kernel", n.layer,
                                 op_name(n.op))};
    }
    return ok;
  }

  Result<std::vector<Tensor>> load_weights(std::span<const WeightSource> sources,
                                           const WeightOptions& options) override {
    ENGINE_TRY(loaded, cpu::load_weights(sources, options, registry_, features_, pool_));
    for (Buffer& b : loaded.buffers) buffers_.push_back(std::move(b));
    return std::move(loaded.tensors);
  }

  Result<PageStore> make_pages(const Graph& graph, std::span<const int32_t> pages,
                               DType kv_type) override {
    // Pages of a group hold the same tokens in all slots and lie together: a short sequence touches
    // few of the huge pages.
    PageStore store;
    size_t stride[kMaxCacheGroups] = {};
    for (const CacheSlot& s : graph.slots) {
      CacheSlotView v;
      v.v_offset = align_up(cache_plane_bytes(kv_type, s.n_head_kv, s.dk), 64);
      v.dtype = kv_type, v.group = s.group, v.n_head_kv = s.n_head_kv, v.dk = s.dk, v.dv = s.dv;
      v.page_bytes = stride[s.group];  // of its page 0, for now
      stride[s.group] += align_up(v.v_offset + cache_plane_bytes(kv_type, s.n_head_kv, s.dv), 64);
      store.views.push_back(v);
    }
    for (size_t g = 0; g < pages.size(); ++g) {
      ENGINE_TRY(buffer, Buffer::allocate(stride[g] * static_cast<size_t>(pages[g]), true));
      for (CacheSlotView& v : store.views)
        if (static_cast<size_t>(v.group) == g)
          v.base = buffer.data() + v.page_bytes, v.page_bytes = stride[g];
      store.buffers.push_back(std::move(buffer));
    }
    return store;
  }

  Result<std::unique_ptr<Executable>> compile(const Graph& graph, std::span<const Tensor> weights,
                                              const PageStore& pages,
                                              const CompileOptions& options) override {
    const int workers =
        options.threads > 0 ? std::min(options.threads, pool_.size()) : pool_.size();
    ENGINE_TRY(plan, compile_plan(graph, weights, pages, options, registry_, features_, workers));
    return make_executable(std::move(plan), pool_, registry_, options.verify);
  }

 private:
  ThreadPool& pool_;
  const uint64_t features_;
  Registry<Ctx> registry_;
  DeviceInfo info_;
  std::vector<Buffer> buffers_;
};

}  // namespace
}  // namespace cpu

Result<std::unique_ptr<Backend>> make_cpu_backend(const BackendOptions& options) {
  auto backend = std::make_unique<cpu::CpuBackend>(options);
  ENGINE_TRY_STATUS(backend->set_overrides(options.overrides));
  return std::unique_ptr<Backend>(std::move(backend));
}

}  // namespace engine
