#include "engine/core/sampler_stages.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string_view>

namespace engine {
namespace {

constexpr size_t kMostStages = 32;  // each may look at the whole vocabulary

struct StageNames {
  SamplerStage stage;
  char letter;
  std::vector<std::string_view> names;
};

const std::vector<StageNames>& stage_list() {
  static const std::vector<StageNames> list = {
#define STAGE(member, letter, ...) {SamplerStage::member, letter, {__VA_ARGS__}},
#include "engine/core/sampler_stages.inc"
  };
  return list;
}

std::optional<SamplerStage> by_name(std::string_view name) {
  for (const StageNames& s : stage_list())
    if (std::find(s.names.begin(), s.names.end(), name) != s.names.end()) return s.stage;
  return {};
}

std::optional<SamplerStage> by_letter(char letter) {
  for (const StageNames& s : stage_list())
    if (s.letter == letter) return s.stage;
  return {};
}

Error unknown_stage(std::string_view what) {
  std::string known;
  for (const StageNames& s : stage_list())
    known += fmt::format("{}{} ({})", known.empty() ? "" : ", ", s.names[0], s.letter);
  return {Errc::invalid_argument,
          fmt::format("option \"samplers\": unknown sampler \"{}\"; there are {}",
                      what.substr(0, 64), known)};
}

}  // namespace

Result<std::vector<SamplerStage>> sampler_stages(const std::vector<std::string>& names) {
  std::vector<SamplerStage> out;
  const bool letters = names.size() == 1 && !by_name(names[0]);
  const size_t n = letters ? names[0].size() : names.size();
  if (n > kMostStages)
    return Error{Errc::invalid_argument,
                 fmt::format("option \"samplers\" must be of at most {} samplers", kMostStages)};
  for (size_t i = 0; i < n; ++i) {
    const auto stage = letters ? by_letter(names[0][i]) : by_name(names[i]);
    if (!stage) return unknown_stage(letters ? names[0] : names[i]);
    out.push_back(*stage);
  }
  return out;
}

}  // namespace engine
