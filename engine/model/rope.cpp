// RoPE from metadata: every scaling (linear, llama3 and longrope factors, yarn) is a frequency per
// dimension pair and one magnitude.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "engine/model/metadata.h"
#include "engine/model/user_keys.h"

namespace engine {
namespace {

// Frequency factors of a family that reads them; empty: none.
Result<std::vector<float>> read_factors(const Metadata& m, const RopeOptions& o, bool longrope,
                                        uint32_t n_ctx_orig) {
  std::vector<float> out;
  if (!o.factors) return out;
  std::string name = "rope_freqs.weight";
  if (!m.file.find(name)) {
    if (!longrope) return out;
    name = static_cast<uint32_t>(o.n_ctx) > n_ctx_orig ? "rope_factors_long.weight"
                                                       : "rope_factors_short.weight";
  }
  const auto info = m.file.find(name);
  if (!info) return out;
  if (info->dtype != DType::f32 || info->ne[0] != o.n_rot / 2)
    return Error{Errc::corrupt,
                 fmt::format("tensor '{}' must hold {} f32 values", name, o.n_rot / 2)};
  ENGINE_TRY(t, m.file.view(*info));
  for (int i = 0; i < o.n_rot / 2; ++i) {
    const float f = t.as<const float>()[i];
    if (!(f > 0) || std::isinf(f))
      return Error{Errc::corrupt,
                   fmt::format("tensor '{}' holds {}, factors must be positive", name, f)};
    out.push_back(f);
  }
  return out;
}

// What the user asked for. The keys of the same meaning that files of some families have are not
// read, as nobody else reads them.
struct UserYarn {
  double extent = 1, attention = 1, beta_fast = 32, beta_slow = 1;
};

Result<UserYarn> read_user_yarn(const Metadata& m) {
  UserYarn out;
  const auto read = [&m](std::string_view key, double& value) -> Status {
    ENGINE_TRY(given, m.file.get<float>(key, -1));
    if (given >= 0) value = static_cast<double>(given);
    return ok;
  };
  ENGINE_TRY_STATUS(read(kUserYarnExtent, out.extent));
  ENGINE_TRY_STATUS(read(kUserYarnAttention, out.attention));
  ENGINE_TRY_STATUS(read(kUserYarnBetaFast, out.beta_fast));
  ENGINE_TRY_STATUS(read(kUserYarnBetaSlow, out.beta_slow));
  if (out.beta_fast == 0 || out.beta_slow == 0)
    return invalid_argument("the betas of yarn must be positive");
  return out;
}

}  // namespace

Result<RopeSpec> read_rope(const Metadata& m, const ModelSpec& spec, const RopeOptions& o) {
  if (o.n_rot <= 0 || o.n_rot % 2 != 0)
    return Error{Errc::corrupt,
                 fmt::format("rope dimension count {} is not a positive even number", o.n_rot)};
  if (!(o.base > 0) || std::isinf(o.base))
    return Error{Errc::corrupt,
                 fmt::format("{} is {}, must be positive", m.key("rope.freq_base"), o.base)};
  ENGINE_TRY(type, m.file.str(m.key("rope.scaling.type"), "linear"));
  ENGINE_TRY(old_factor, m.f32("rope.scale_linear", 0));
  ENGINE_TRY(file_factor, m.f32("rope.scaling.factor", old_factor));
  ENGINE_TRY(n_ctx_orig, m.u32("rope.scaling.original_context_length",
                               static_cast<uint32_t>(spec.n_ctx_train)));
  ENGINE_TRY(attn_factor, m.f32("rope.scaling.attn_factor", 1));
  if (type != "none" && type != "linear" && type != "yarn" && type != "longrope")
    return Error{Errc::unsupported, fmt::format("{} is \"{}\", known: none, linear, yarn, longrope",
                                                m.key("rope.scaling.type"), type)};
  ENGINE_TRY(user, read_user_yarn(m));
  const double factor =
      !o.scaled || type == "none" || !(file_factor > 0) ? 1 : static_cast<double>(file_factor);
  const bool yarn = o.scaled && type == "yarn";
  ENGINE_TRY(ff, read_factors(m, o, type == "longrope", n_ctx_orig));

  double low = 0, high = 0;
  if (yarn && user.extent != 0) {
    const auto dim = [&](double beta) {
      return o.n_rot * std::log(n_ctx_orig / (2 * std::numbers::pi * beta)) /
             (2 * std::log(o.base));
    };
    low = std::max(0.0, std::floor(dim(user.beta_fast)));
    high = std::min(o.n_rot - 1.0, std::ceil(dim(user.beta_slow)));
  }
  RopeSpec r;
  r.style = o.style, r.n_rot = o.n_rot;
  const bool louder = yarn && user.extent != 0 && factor > 1;
  r.mscale =
      attn_factor * static_cast<float>(user.attention * (louder ? 0.1 * std::log(factor) + 1 : 1));
  for (int i = 0; i < o.n_rot / 2; ++i) {
    const double te = std::pow(o.base, -2.0 * i / o.n_rot) /
                      (ff.empty() ? 1.0 : static_cast<double>(ff[static_cast<size_t>(i)]));
    const double ti = te / factor;
    const double ramp =
        yarn ? user.extent * (1 - std::clamp((i - low) / std::max(0.001, high - low), 0.0, 1.0))
             : 0;
    r.freq.push_back(ti * (1 - ramp) + te * ramp);
  }
  return r;
}

}  // namespace engine
