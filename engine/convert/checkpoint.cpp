#include "engine/convert/checkpoint.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "engine/convert/directory.h"

namespace engine::convert {
namespace {

std::vector<std::string> files_named(const std::string& dir, std::string_view prefix,
                                     std::string_view suffix) {
  std::vector<std::string> out;
  std::error_code ec;
  for (std::filesystem::directory_iterator it(dir, ec), end; !ec && it != end; it.increment(ec)) {
    const std::string name = it->path().filename().string();
    if (name.starts_with(prefix) && name.ends_with(suffix)) out.push_back(dir + "/" + name);
  }
  std::ranges::sort(out);
  return out;
}

// Weights in a form that is not read: what to do about it.
Error no_weights(const std::string& dir) {
  std::string found;
  if (!files_named(dir, "consolidated", ".safetensors").empty() ||
      !files_named(dir, "consolidated", ".pth").empty())
    found =
        "there are consolidated.* files, the original form of the vendor; use the directory "
        "with model.safetensors files of the same model";
  else if (!files_named(dir, "pytorch_model", ".bin").empty())
    found =
        "there are pytorch_model*.bin files, which can hold programs and are not read; save "
        "the model with safe_serialization=True";
  else if (!files_named(dir, "", ".gguf").empty())
    found = "there are GGUF files, which need no conversion";
  else
    found = "expected model.safetensors, or several with model.safetensors.index.json";
  return {Errc::not_found, fmt::format("{}: unknown tensor format: {}", dir, found)};
}

// weight_map of the index: tensor to file. Names of files are those of this directory.
Result<std::map<std::string, std::string>> read_index(const std::string& path) {
  ENGINE_TRY(json, read_json_file(path, size_t{64} << 20));
  const SortedJson* map = member(json, "weight_map");
  if (map == nullptr || !map->is_object() || map->empty())
    return Error{Errc::corrupt, fmt::format("{}: \"weight_map\" is missing", path)};
  std::map<std::string, std::string> out;
  for (auto it = map->begin(); it != map->end(); ++it) {
    const std::string file = it->is_string() ? it->get<std::string>() : "";
    if (file.empty() || file.find('/') != std::string::npos || !file.ends_with(".safetensors"))
      return Error{Errc::corrupt,
                   fmt::format("{}: tensor '{}' must name a .safetensors file of this directory",
                               path, it.key().substr(0, 128))};
    out[it.key()] = file;
  }
  return out;
}

}  // namespace

Status Checkpoint::add(const std::string& path) {
  ENGINE_TRY(file, SafetensorsFile::open(path));
  files_.push_back(std::move(file));
  for (const SafeTensor& t : files_.back().tensors())
    if (!by_name_.emplace(t.name, &t).second)
      return Error{Errc::corrupt, fmt::format("{}: tensor '{}' stands in another file, too", path,
                                              t.name.substr(0, 128))};
  return ok;
}

Status Checkpoint::check_index(const std::string& index_path,
                               const std::map<std::string, std::string>& file_of) const {
  for (const auto& [name, file] : file_of)
    if (!by_name_.contains(name))
      return Error{
          Errc::corrupt,
          fmt::format("{}: tensor '{}' should be in {}, but is not; download the file again",
                      index_path, name.substr(0, 128), file)};
  return ok;
}

Result<Checkpoint> Checkpoint::open_file(const std::string& path) {
  Checkpoint out;
  ENGINE_TRY_STATUS(out.add(path));
  return out;
}

Result<Checkpoint> Checkpoint::open(const std::string& dir) {
  Checkpoint out;
  if (const std::string index = dir + "/model.safetensors.index.json"; file_exists(index)) {
    ENGINE_TRY(file_of, read_index(index));
    std::set<std::string> files;
    for (const auto& [name, file] : file_of) files.insert(file);
    for (const std::string& file : files) {
      if (!file_exists(dir + "/" + file))
        return Error{Errc::not_found,
                     fmt::format("{} is missing; {} names it", dir + "/" + file, index)};
      ENGINE_TRY_STATUS(out.add(dir + "/" + file));
    }
    ENGINE_TRY_STATUS(out.check_index(index, file_of));
    return out;
  }
  std::vector<std::string> files = {dir + "/model.safetensors"};
  if (!file_exists(files[0])) files = files_named(dir, "model", ".safetensors");
  if (files.empty()) return no_weights(dir);
  for (const std::string& file : files) ENGINE_TRY_STATUS(out.add(file));
  return out;
}

const SafeTensor* Checkpoint::find(std::string_view name) const {
  const auto it = by_name_.find(name);
  return it == by_name_.end() ? nullptr : it->second;
}

void Checkpoint::drop(std::span<const std::byte> data) const {
  for (const SafetensorsFile& file : files_) file.drop(data);
}

}  // namespace engine::convert
