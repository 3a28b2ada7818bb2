#include "engine/core/cpu_info.h"

#include <fmt/format.h>
#include <sched.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <string_view>
#if defined(__x86_64__)
#include <cpuid.h>
#endif
#if defined(__aarch64__)
#include <sys/auxv.h>
#endif

namespace engine {
namespace {

struct Named {
  const char* name;
  uint64_t bits;  // of the feature itself
  uint64_t keep;  // what a cap at this word leaves
};

constexpr uint64_t kAvx2 = isa::avx2 | isa::fma | isa::f16c;
constexpr uint64_t kAvx512 = kAvx2 | isa::avxvnni | isa::avx512;
constexpr std::array<Named, 13> kNamed = {{
    {"avx2", isa::avx2, kAvx2},
    {"fma", isa::fma, kAvx2},
    {"f16c", isa::f16c, kAvx2},
    {"avxvnni", isa::avxvnni, kAvx2 | isa::avxvnni},
    {"avx512", isa::avx512, kAvx512},
    {"avx512vnni", isa::avx512vnni, kAvx512 | isa::avx512vnni},
    {"avx512bf16", isa::avx512bf16, kAvx512 | isa::avx512vnni | isa::avx512bf16},
    {"avx512vbmi", isa::avx512vbmi, kAvx512 | isa::avx512vnni | isa::avx512bf16 | isa::avx512vbmi},
    {"neon", isa::neon, isa::neon},
    {"dotprod", isa::dotprod, isa::neon | isa::dotprod},
    {"i8mm", isa::i8mm, isa::neon | isa::dotprod | isa::i8mm},
    {"scalar", 0, 0},
    {"auto", 0, ~uint64_t{0}},
}};

#if defined(__x86_64__)
uint64_t x86_features() {
  unsigned a, b, c, d;
  if (!__get_cpuid(1, &a, &b, &c, &d) || !(c >> 27 & 1)) return 0;  // no OSXSAVE
  const bool has_fma = c >> 12 & 1, has_f16c = c >> 29 & 1;
  unsigned lo, hi;
  __asm__("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
  if ((lo & 0x6) != 0x6) return 0;  // the system does not save ymm
  const bool zmm = (lo & 0xe6) == 0xe6;
  uint64_t out = 0;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return 0;
  if (b >> 5 & 1) out |= isa::avx2;
  if (has_fma) out |= isa::fma;
  if (has_f16c) out |= isa::f16c;
  const unsigned need = 1u << 16 | 1u << 17 | 1u << 28 | 1u << 30 | 1u << 31;  // F DQ CD BW VL
  if (zmm && (b & need) == need) {
    out |= isa::avx512;
    if (c >> 11 & 1) out |= isa::avx512vnni;
    if (c >> 1 & 1) out |= isa::avx512vbmi;
  }
  if (__get_cpuid_count(7, 1, &a, &b, &c, &d)) {
    if (a >> 4 & 1) out |= isa::avxvnni;
    if ((out & isa::avx512) && (a >> 5 & 1)) out |= isa::avx512bf16;
  }
  return out;
}
#endif

}  // namespace

uint64_t cpu_features() {
#if defined(__x86_64__)
  static const uint64_t found = x86_features();
  return found;
#elif defined(__aarch64__)
  const unsigned long cap = getauxval(AT_HWCAP), cap2 = getauxval(AT_HWCAP2);
  return isa::neon | (cap >> 20 & 1 ? uint64_t{isa::dotprod} : 0) |
         (cap2 >> 13 & 1 ? uint64_t{isa::i8mm} : 0);
#else
  return 0;
#endif
}

Result<uint64_t> cap_features(uint64_t have, const std::string& cap) {
  if (cap.empty()) return have;
  std::string known;
  for (const Named& n : kNamed) {
    if (cap == n.name) return have & n.keep;
    known += std::string(known.empty() ? "" : ", ") + n.name;
  }
  return Error{Errc::invalid_argument,
               fmt::format("unknown ENGINE_ISA \"{}\"; known: {}", cap, known)};
}

std::string feature_names(uint64_t mask) {
  std::string out;
  for (const Named& n : kNamed)
    if (n.bits != 0 && (mask & n.bits) != 0) out += std::string(out.empty() ? "" : " ") + n.name;
  return out.empty() ? "scalar" : out;
}

std::string cpu_model_name() {
  std::ifstream in("/proc/cpuinfo");
  for (std::string line; std::getline(in, line);)
    if (line.rfind("model name", 0) == 0 && line.find(':') != std::string::npos)
      return line.substr(line.find(':') + 2);
  return "unknown";
}

int usable_cores() {
  cpu_set_t set;
  int n = 1;
  if (sched_getaffinity(0, sizeof set, &set) == 0) n = std::max(1, CPU_COUNT(&set));
  std::ifstream in("/sys/fs/cgroup/cpu.max");
  std::string quota;
  double period = 0;
  if (in >> quota >> period && quota != "max" && period > 0)
    n = std::max(1, std::min(n, static_cast<int>(std::stod(quota) / period)));
  return n;
}

}  // namespace engine
