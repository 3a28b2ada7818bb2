// Metadata keys that no file has: what a user asks for beyond what files can say, given to a model as
// overrides (gguf/override.h). A negative number counts as not given.
#pragma once

#include <string_view>

namespace engine {

inline constexpr std::string_view kUserYarnExtent = "user.yarn_ext_factor",
                                  kUserYarnAttention = "user.yarn_attn_factor",
                                  kUserYarnBetaFast = "user.yarn_beta_fast",
                                  kUserYarnBetaSlow = "user.yarn_beta_slow";

}  // namespace engine
