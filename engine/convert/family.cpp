#include "engine/convert/family.h"

#include <nlohmann/json.hpp>

#include "engine/convert/directory.h"

namespace engine::convert {

#define FAMILY(hf_class, name) extern const Family family_##name;
#include "engine/convert/families.inc"

namespace {

struct ClassLine {
  std::string_view hf_class;
  const Family* family;
};
constexpr ClassLine kClasses[] = {
#define FAMILY(hf_class, name) {#hf_class, &family_##name},
#include "engine/convert/families.inc"
};

}  // namespace

const Family* find_family(std::string_view hf_class) {
  for (const ClassLine& line : kClasses)
    if (line.hf_class == hf_class) return line.family;
  return nullptr;
}

const Family* find_family_of_arch(std::string_view arch) {
  for (const ClassLine& line : kClasses)
    if (line.family->arch == arch) return line.family;
  return nullptr;
}

std::string family_list() {
  std::string out;
  for (const ClassLine& line : kClasses) {
    if (!out.empty()) out += ", ";
    out += line.hf_class;
  }
  return out;
}

}  // namespace engine::convert
