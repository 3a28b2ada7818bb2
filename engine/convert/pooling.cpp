// How a sentence-transformers directory makes one vector of the rows of a text.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "engine/convert/directory.h"
#include "engine/convert/family.h"

namespace engine::convert {
namespace {

struct ModeLine {
  const char* flag;
  uint32_t type;  // pooling_type of GGUF files; 0: no such type
};
constexpr ModeLine kModes[] = {{"pooling_mode_mean_tokens", 1},
                               {"pooling_mode_cls_token", 2},
                               {"pooling_mode_lasttoken", 3},
                               {"pooling_mode_max_tokens", 0},
                               {"pooling_mode_mean_sqrt_len_tokens", 0},
                               {"pooling_mode_weightedmean_tokens", 0}};

}  // namespace

Result<Pooling> read_pooling(const std::string& dir) {
  Pooling out;
  const std::string path = dir + "/modules.json";
  if (!file_exists(path)) return out;
  ENGINE_TRY(text, read_small_file(path, size_t{1} << 20));
  const auto modules = parse_sorted_json(text);
  if (!modules || !modules->is_array())
    return Error{Errc::corrupt, fmt::format("{}: is no JSON list", path)};
  for (const SortedJson& module : *modules) {
    const std::string type = text_member(module, "type"), folder = text_member(module, "path");
    if (type.ends_with(".Normalize")) out.normalize = true;
    if (!type.ends_with(".Pooling")) continue;
    if (folder.empty() || folder.starts_with('/') || folder.find("..") != std::string::npos)
      return Error{Errc::corrupt, fmt::format("{}: the path of the pooling is no folder", path)};
    const std::string file = dir + "/" + folder + "/config.json";
    ENGINE_TRY(config, read_json_file(file));
    for (const ModeLine& mode : kModes) {
      if (!flag_member(config, mode.flag, false)) continue;
      if (mode.type == 0 || out.type)
        return Error{
            Errc::unsupported,
            fmt::format("{}: the pooling {} is not supported; mean, cls and last token are", file,
                        mode.flag)};
      out.type = mode.type;
    }
  }
  return out;
}

}  // namespace engine::convert
