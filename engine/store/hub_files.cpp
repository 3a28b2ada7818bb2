// The list of a repository is JSON: {"type", "path", "size", "lfs": {"oid", "size"}} for each file,
// where oid is the SHA-256 of a large file.
#include "engine/store/hub_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "engine/core/json_io.h"
#include "engine/store/describe.h"

namespace engine {
namespace {

constexpr size_t kMaxList = size_t{16} << 20;
constexpr size_t kMaxShards = 1000;

std::string lower(std::string_view s) {
  std::string out(s);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

std::string base_name(std::string_view path) {
  return std::string(path.substr(path.rfind('/') + 1));
}

// "-00002-of-00005.gguf" at the end of a path: 2 of 5; else 1 of 1.
struct Shard {
  std::string_view stem;
  size_t index = 1, count = 1;
};
Shard shard_of(std::string_view path) {
  constexpr size_t kTail = std::string_view("-00001-of-00001.gguf").size();
  Shard shard{path.substr(0, path.size() - 5)};
  if (path.size() <= kTail) return shard;
  const std::string_view tail = path.substr(path.size() - kTail);
  size_t index = 0, count = 0;
  const auto number = [](std::string_view digits, size_t& out) {
    const auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), out);
    return ec == std::errc() && end == digits.data() + digits.size();
  };
  if (tail[0] != '-' || tail.substr(6, 4) != "-of-" || !number(tail.substr(1, 5), index) ||
      !number(tail.substr(10, 5), count) || index < 1 || index > count)
    return shard;
  return {path.substr(0, path.size() - kTail), index, count};
}

bool is_weights(const HubFile& file) {
  const std::string name = lower(base_name(file.path));
  return name.ends_with(".gguf") && name.find("mmproj") == std::string::npos;
}

// The quantization stands in the name, followed by '.' or '-'.
bool has_quantization(const HubFile& file, std::string_view quantization) {
  const std::string name = lower(base_name(file.path)), what = lower(quantization);
  for (size_t at = name.find(what); at != std::string::npos; at = name.find(what, at + 1)) {
    const char after = at + what.size() < name.size() ? name[at + what.size()] : '\0';
    if (after == '.' || after == '-') return true;
  }
  return false;
}

Result<std::vector<HubFile>> list_files(RegistryClient& client, const std::string& url,
                                        const std::stop_token& cancel) {
  Transfer transfer;
  HttpCall call;
  call.url = url;
  call.max_body = kMaxList;
  call.cancel = cancel;
  CallRules rules;
  rules.repeats_network_errors = true;
  ENGINE_TRY(answer, client.call(transfer, std::move(call), rules));
  ENGINE_TRY(list, parse_json(answer.body));
  if (!list.is_array()) return Error{Errc::corrupt, url + " is no list of files"};
  std::vector<HubFile> files;
  for (const Json& entry : list) {
    const auto path = entry.is_object() ? entry.find("path") : entry.end();
    const auto lfs = entry.is_object() ? entry.find("lfs") : entry.end();
    if (!entry.is_object() || path == entry.end() || lfs == entry.end() || !path->is_string() ||
        !lfs->is_object())
      continue;  // a folder, or a small file: none of ours
    const auto oid = lfs->find("oid"), size = lfs->find("size");
    if (oid == lfs->end() || !oid->is_string() || size == lfs->end() || !size->is_number_integer())
      continue;
    HubFile file{path->get<std::string>(), "sha256:" + oid->get<std::string>(),
                 size->get<int64_t>()};
    if (valid_digest(file.digest) && file.size > 0) files.push_back(std::move(file));
  }
  return files;
}

// A path as part of an address.
std::string path_encoded(std::string_view path) {
  std::string out;
  for (const char c : path) out += c == '/' ? "/" : c == ' ' ? "%20" : form_encoded({&c, 1});
  return out;
}

}  // namespace

Result<std::vector<HubFile>> pick_shards(const std::vector<HubFile>& files, std::string_view tag) {
  std::vector<HubFile> weights;
  std::copy_if(files.begin(), files.end(), std::back_inserter(weights), is_weights);
  std::sort(weights.begin(), weights.end(),
            [](const HubFile& a, const HubFile& b) { return a.path < b.path; });
  const auto first = [&](const auto& test) -> const HubFile* {
    for (const HubFile& file : weights)
      if (shard_of(file.path).index == 1 && test(file)) return &file;
    return nullptr;
  };
  const auto of = [&](std::string_view quantization) {
    return first([&](const HubFile& file) { return has_quantization(file, quantization); });
  };
  const HubFile* found = nullptr;
  if (equal_ignoring_case(tag, kDefaultTag)) {
    found = of("Q4_K_M");
    if (!found) found = of("Q8_0");
    if (!found) found = first([](const HubFile&) { return true; });
  } else {
    found =
        first([&](const HubFile& file) { return equal_ignoring_case(base_name(file.path), tag); });
    if (!found) found = of(tag);
  }
  if (!found) {
    std::string names;
    for (const HubFile& file : weights)
      if (shard_of(file.path).index == 1) names += (names.empty() ? "" : ", ") + file.path;
    return Error{Errc::not_found,
                 fmt::format("no GGUF file of the repository fits \"{}\"; it has: {}", tag,
                             names.empty() ? "none" : names)};
  }
  const Shard shard = shard_of(found->path);
  if (shard.count > kMaxShards)
    return Error{Errc::unsupported, fmt::format("{} is one of too many shards", found->path)};
  std::vector<HubFile> picked(shard.count);
  for (const HubFile& file : weights) {
    const Shard other = shard_of(file.path);
    if (other.stem == shard.stem && other.count == shard.count) picked[other.index - 1] = file;
  }
  for (size_t i = 0; i < picked.size(); ++i) {
    if (picked[i].path.empty())
      return Error{Errc::not_found,
                   fmt::format("shard {} of {} is missing in the repository", i + 1, found->path)};
  }
  return picked;
}

Result<HubModel> find_hub_model(RegistryClient& client, const ModelName& name,
                                const std::stop_token& cancel) {
  const std::string repository = name.space + "/" + name.model;
  ENGINE_TRY(files, list_files(client,
                               client.base_url() + "/api/models/" + repository +
                                   "/tree/main?recursive=true",
                               cancel));
  ENGINE_TRY(shards, pick_shards(files, name.tag));
  HubModel out;
  for (const HubFile& file : shards) {
    out.layers.push_back(
        {std::string(media::kModel), file.digest, file.size, "", base_name(file.path)});
    out.urls.push_back(client.base_url() + "/" + repository + "/resolve/main/" +
                       path_encoded(file.path));
  }
  return out;
}

Result<std::string> hub_config(const BlobFolder& blobs, const std::vector<Layer>& layers) {
  std::vector<std::string> paths;
  for (const Layer& layer : layers) paths.push_back(blobs.path(layer.digest));
  ENGINE_TRY(file, gguf::File::open(paths));
  const GgufFacts facts = describe(file);
  ModelConfig config;
  config.family = facts.architecture;
  config.families = {facts.architecture};
  config.parameter_size = parameter_text(facts.n_params);
  config.file_type = facts.file_type;
  return write_config(config);
}

}  // namespace engine
