// locate_model: what a command line calls MODEL.
#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <system_error>

#include "engine/store/model_store.h"

namespace engine {
namespace {

namespace fs = std::filesystem;

}  // namespace

Result<LocatedModel> locate_model(const ModelStore& store, std::string_view text) {
  LocatedModel m;
  m.shown = text;
  std::error_code ec;
  const bool is_file = fs::is_regular_file(fs::path(m.shown), ec);
  const bool looks_like_path = text.starts_with("/") || text.starts_with("./") ||
                               text.starts_with("../") || text.ends_with(".gguf");
  if (is_file) {
    char magic[4] = {};
    std::ifstream(m.shown, std::ios::binary).read(magic, sizeof magic);
    const std::string_view found(magic, sizeof magic);
    // a path to something else fails in the reader, which says why
    if (found == "GGUF" || looks_like_path) {
      m.path = m.shown;
      return m;
    }
  } else if (looks_like_path && fs::is_directory(fs::path(m.shown), ec)) {
    return Error{Errc::invalid_argument,
                 fmt::format("{} is a folder; give the path of a GGUF file", text)};
  } else if (looks_like_path) {
    return Error{
        Errc::not_found,
        fmt::format(
            "{} does not exist; give the path of a GGUF file, or a name that `engine list` shows",
            text)};
  }
  ENGINE_TRY(name, parse_user_name(text));
  auto record = store.find(name);
  if (!record) {
    if (record.error().code != Errc::not_found || store.has(name)) return record.error();
    return Error{
        Errc::not_found,
        fmt::format(
            "model '{}' not found; `engine list` shows the models of this machine, and the path of "
            "a GGUF file is accepted too",
            text)};
  }
  if (record->model_path.empty())
    return Error{Errc::unsupported, fmt::format("model '{}' has no weights on this machine", text)};
  m.record = std::move(*record);
  m.path = m.record.model_path;
  m.shards = m.record.shard_paths;
  m.in_store = true;
  return m;
}

}  // namespace engine
