#include "engine/convert/pretokenizer.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <span>

#include "engine/convert/directory.h"
#include "engine/core/log.h"
#include "engine/core/sha256.h"

namespace engine::convert {
namespace {

struct Digest {
  const char *sha256, *pre;
};
constexpr Digest kDigests[] = {
#define PRE_DIGEST(sha256, pre) {sha256, pre},
#include "engine/convert/pre_digests.inc"
};

// All regular expressions of Split steps, one behind the other.
std::string split_patterns(const std::vector<const SortedJson*>& steps) {
  std::string out;
  for (const SortedJson* step : steps) {
    if (text_member(*step, "type") != "Split") continue;
    if (const SortedJson* pattern = member(*step, "pattern")) out += text_member(*pattern, "Regex");
  }
  return out;
}

// Vocabularies without Split steps: ByteLevel brings the pattern of GPT-2 with it, Digits in front
// sets every digit apart.
const char* pre_without_splits(const SortedJson* pre_tokenizer) {
  const SortedJson* bytes = step_of(pre_tokenizer, "ByteLevel");
  if (bytes == nullptr || !flag_member(*bytes, "use_regex", true)) return nullptr;
  const size_t steps = steps_of(pre_tokenizer).size();
  if (steps == 1) return "gpt-2";
  const SortedJson* digits = step_of(pre_tokenizer, "Digits");
  const bool single = digits != nullptr && flag_member(*digits, "individual_digits", false);
  return steps == 2 && single ? "smollm" : nullptr;
}

}  // namespace

std::vector<const SortedJson*> steps_of(const SortedJson* object) {
  std::vector<const SortedJson*> out;
  if (object == nullptr || !object->is_object()) return out;
  if (text_member(*object, "type") != "Sequence") return {object};
  for (const char* key : {"pretokenizers", "normalizers", "processors"})
    if (const SortedJson* list = member(*object, key); list != nullptr && list->is_array())
      for (const SortedJson& step : *list)
        if (step.is_object()) out.push_back(&step);
  return out;
}

const SortedJson* step_of(const SortedJson* object, const char* type) {
  for (const SortedJson* step : steps_of(object))
    if (text_member(*step, "type") == type) return step;
  return nullptr;
}

std::string detect_pre(const SortedJson& pre_tokenizer, const std::string& path) {
  const std::string patterns = split_patterns(steps_of(&pre_tokenizer));
  if (patterns.empty()) {
    if (const char* pre = pre_without_splits(&pre_tokenizer)) return pre;
  } else {
    const std::string digest = sha256_hex(std::as_bytes(std::span(patterns)));
    const auto known = std::ranges::find(kDigests, digest, &Digest::sha256);
    if (known != std::end(kDigests)) return known->pre;
  }
  log_warn(
      "{}: this way of splitting text into words is not known; \"default\" is used, and some words "
      "may be cut differently than the model has learned",
      path);
  return "default";
}

}  // namespace engine::convert
