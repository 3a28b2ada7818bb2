// Registry: the kernels of one backend. Picking happens while a plan is compiled or a weight is
// loaded, never later.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/core/result.h"
#include "kernels/kernel.h"

namespace engine {

template <class Ctx>
class Registry {
 public:
  explicit Registry(std::span<const Kernel<Ctx>* const> all) : all_(all) {}

  // overrides: ENGINE_KERNELS, "PREFIX=SUFFIX" or a whole id, comma separated: "matmul/q4_1=avx2"
  // prefers matmul/q4_1/avx2. Errc::invalid_argument lists the known ids.
  Status set_overrides(std::string_view overrides) {
    overrides_.clear();
    while (!overrides.empty()) {
      const size_t comma = overrides.find(',');
      std::string id(overrides.substr(0, comma));
      overrides = comma == std::string_view::npos ? "" : overrides.substr(comma + 1);
      if (id.empty()) continue;
      if (const size_t eq = id.find('='); eq != std::string::npos) id[eq] = '/';
      bool known = false;
      std::string near, list;  // near: the same up to the last slash
      const std::string prefix = id.substr(0, id.rfind('/') + 1);
      for (const Kernel<Ctx>* k : all_) {
        const std::string_view name = k->id;
        known |= id == name;
        std::string& to = !prefix.empty() && name.starts_with(prefix) ? near : list;
        to += std::string(to.empty() ? "" : ", ") + k->id;
      }
      if (!known)
        return Error{Errc::invalid_argument,
                     "unknown kernel \"" + id +
                         "\" in ENGINE_KERNELS; known: " + (near.empty() ? list : near)};
      overrides_.push_back(id);
    }
    return ok;
  }

  // The usable kernel of highest rank that reads packing `pack` (0: rows
  // as in the file; -1: any) and accepts args (nullptr: not asked). A
  // kernel named by an override wins over rank. nullptr: none.
  const Kernel<Ctx>* pick(Op op, DType w, DType x, const void* args, uint64_t have,
                          int pack = -1) const {
    const Kernel<Ctx>* best = nullptr;
    bool best_forced = false;
    for (const Kernel<Ctx>* k : all_) {
      if (k->op != op || k->w != w || k->x != x || (k->needs & ~have) != 0) continue;
      if (pack >= 0 && (k->pack ? k->pack->id : 0) != pack) continue;
      if (args != nullptr && k->accepts != nullptr && !k->accepts(args)) continue;
      bool forced = false;
      for (const std::string& id : overrides_) forced |= id == k->id;
      if (best == nullptr || (forced && !best_forced) ||
          (forced == best_forced && k->rank > best->rank))
        best = k, best_forced = forced;
    }
    return best;
  }

  // The scalar twin: rank 0, rows as in the file.
  const Kernel<Ctx>* scalar(Op op, DType w, DType x) const {
    for (const Kernel<Ctx>* k : all_)
      if (k->op == op && k->w == w && k->x == x && k->rank == 0) return k;
    return nullptr;
  }

  const Pack* find_pack(uint16_t id) const {
    for (const Kernel<Ctx>* k : all_)
      if (k->pack != nullptr && k->pack->id == id) return k->pack;
    return nullptr;
  }

  std::span<const Kernel<Ctx>* const> all() const { return all_; }

 private:
  std::span<const Kernel<Ctx>* const> all_;
  std::vector<std::string> overrides_;
};

}  // namespace engine
