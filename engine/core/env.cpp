#include "engine/core/env.h"

#include <cstdlib>

namespace engine {
namespace {

constexpr EnvInfo kEnv[] = {
#define ENV(name, def, help) {#name, def, help},
#include "engine/core/env.inc"
};

std::string raw(const char* name) {
  const char* p = std::getenv(name);
  std::string s = p ? p : "";
  const auto blank = [](char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; };
  while (!s.empty() && blank(s.back())) s.pop_back();
  while (!s.empty() && blank(s.front())) s.erase(s.begin());
  const auto quote = [](char c) { return c == '"' || c == '\''; };
  while (!s.empty() && quote(s.back())) s.pop_back();
  while (!s.empty() && quote(s.front())) s.erase(s.begin());
  return s;
}

}  // namespace

std::string env(Env e) {
  const EnvInfo& info = kEnv[static_cast<int>(e)];
  std::string s = raw(info.name);
  return s.empty() ? info.fallback : s;
}

bool env_set(Env e) {
  return !raw(kEnv[static_cast<int>(e)].name).empty();
}

std::span<const EnvInfo> env_list() {
  return kEnv;
}

}  // namespace engine
