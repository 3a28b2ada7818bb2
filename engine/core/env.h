// The environment, read through one list (env.inc).
#pragma once

#include <span>
#include <string>

namespace engine {

enum class Env {
#define ENV(name, def, help) name,
#include "engine/core/env.inc"
};

struct EnvInfo {
  const char *name, *fallback, *help;
};

// Value with surrounding blanks and then surrounding quotes removed; the default when unset or empty.
std::string env(Env e);
bool env_set(Env e);  // set and not empty
std::span<const EnvInfo> env_list();

}  // namespace engine
