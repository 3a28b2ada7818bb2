// Facts about a GGUF file.
#include "engine/store/describe.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <string_view>

#include "gguf/file_type.h"

namespace engine {
namespace {

std::string upper(std::string s) {
  for (char& c : s) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return s;
}

std::string text_key(const gguf::File& file, std::string_view key) {
  const auto value = file.str(key, "");
  return value ? std::string(*value) : std::string();
}

bool contains(std::string_view text, std::string_view what) {
  return text.find(what) != std::string_view::npos;
}

}  // namespace

GgufFacts describe(const gguf::File& file) {
  GgufFacts facts;
  facts.architecture = text_key(file, "general.architecture");
  if (facts.architecture.empty()) facts.architecture = "unknown";
  std::map<DType, int> counts;
  for (const gguf::TensorInfo& tensor : file.tensors()) {
    facts.n_params += tensor.elements();
    facts.tensor_bytes += static_cast<int64_t>(tensor.bytes);
    if (tensor.rank >= 2) ++counts[tensor.dtype];
  }
  if (const auto id = file.u32("general.file_type")) {
    if (const gguf::FileType* t = gguf::find_file_type(*id)) {
      facts.file_type = t->name;
      facts.file_type_long = t->long_name;
      return facts;
    }
  }
  const auto most = std::max_element(counts.begin(), counts.end(),
                                     [](auto& a, auto& b) { return a.second < b.second; });
  facts.file_type = most == counts.end() ? "unknown" : upper(traits(most->first).name);
  facts.file_type_long = facts.file_type;
  for (const gguf::FileType& t : gguf::file_types()) {
    if (facts.file_type == t.name) facts.file_type_long = t.long_name;
  }
  facts.file_type_long = "(guessed) " + facts.file_type_long;
  return facts;
}

std::string parameter_text(int64_t n) {
  const double v = static_cast<double>(n);
  if (n >= 1'000'000'000)
    return n % 1'000'000'000 == 0 ? fmt::format("{}B", n / 1'000'000'000)
                                  : fmt::format("{:.1f}B", v / 1e9);
  if (n >= 1'000'000)
    return n % 1'000'000 == 0 ? fmt::format("{}M", n / 1'000'000) : fmt::format("{:.2f}M", v / 1e6);
  if (n >= 1'000) return fmt::format("{:.0f}K", v / 1e3);
  return fmt::format("{}", n);
}

std::vector<std::string> jinja_capabilities(const std::string& jinja) {
  std::vector<std::string> out;
  if (contains(jinja, "tools") || contains(jinja, "tool_call")) out.push_back("tools");
  const bool tags = contains(jinja, "<think>") && contains(jinja, "</think>");
  const bool splits = contains(jinja, "content.split('</think>')") ||
                      contains(jinja, "content.split(\"</think>\")");
  if (tags || (splits && !contains(jinja, "reasoning_content") && !contains(jinja, "<SPECIAL_12>")))
    out.push_back("thinking");
  return out;
}

std::vector<std::string> capabilities_of(const gguf::File& file, const ModelConfig& config,
                                         const std::vector<std::string>& of_template) {
  std::vector<std::string> out;
  const auto add = [&out](const std::string& what) {
    if (std::find(out.begin(), out.end(), what) == out.end()) out.push_back(what);
  };
  for (const std::string& c : config.capabilities) add(c);
  for (const std::string& c : of_template) add(c);
  const std::string arch = text_key(file, "general.architecture");
  // Reasons in a channel of its own, not between tags.
  if (arch == "gptoss" || arch == "gpt-oss") add("thinking");
  // writers store "none of them" as the largest number
  const auto pooling = file.get<int64_t>(arch + ".pooling_type", -1);
  const bool pools = pooling && *pooling != -1 && *pooling != int64_t{UINT32_MAX};
  add(pools ? "embedding" : "completion");
  if (file.has(arch + ".vision.block_count")) add("vision");
  if (file.has(arch + ".audio.block_count")) add("audio");
  return out;
}

}  // namespace engine
