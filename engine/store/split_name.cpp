// Names of shards.
#include "engine/store/split_name.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace engine {
namespace {

constexpr std::string_view kEnd = ".gguf";
constexpr size_t kDigits = 5;

// "-00001" or "of-00001" at the end of s, which loses it.
std::optional<uint64_t> take_number(std::string_view& s, std::string_view before) {
  if (s.size() < before.size() + kDigits) return std::nullopt;
  const std::string_view digits = s.substr(s.size() - kDigits);
  uint64_t value = 0;
  const auto [end, code] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (code != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  s.remove_suffix(kDigits);
  if (!s.ends_with(before)) return std::nullopt;
  s.remove_suffix(before.size());
  return value;
}

}  // namespace

std::optional<SplitName> parse_split_name(std::string_view name) {
  if (!name.ends_with(kEnd)) return std::nullopt;
  name.remove_suffix(kEnd.size());
  const auto count = take_number(name, "-of-");
  const auto index = count ? take_number(name, "-") : std::nullopt;
  if (!index || *index < 1 || *count < 1 || name.empty() || name.ends_with('/'))
    return std::nullopt;
  return SplitName{std::string(name), *index - 1, *count};
}

std::string shard_name(const SplitName& split, uint64_t index) {
  return fmt::format("{}-{:05}-of-{:05}{}", split.prefix, index + 1, split.count, kEnd);
}

Result<std::vector<size_t>> order_shards(const std::vector<ShardFacts>& shards) {
  const uint64_t count = shards.empty() ? 0 : shards[0].count;
  std::vector<size_t> order;
  std::vector<std::pair<uint64_t, size_t>> places;
  for (size_t i = 0; i < shards.size(); ++i) {
    const ShardFacts& s = shards[i];
    const auto split = parse_split_name(s.name);
    const std::string file = fmt::format("split GGUF \"{}\"", s.name);
    if (!split) return invalid_argument(file + " must use llama.cpp split filename pattern");
    if (split->count != s.count)
      return invalid_argument(fmt::format("{} filename count {} does not match metadata count {}",
                                          file, split->count, s.count));
    if (!s.index) return invalid_argument(file + " is missing split.no metadata");
    if (split->index != *s.index)
      return invalid_argument(fmt::format("{} filename index {} does not match metadata index {}",
                                          file, split->index, *s.index));
    if (s.count != count)
      return invalid_argument(fmt::format("{} has {} shards, expected {}", file, s.count, count));
    places.emplace_back(*s.index, i);
  }
  std::sort(places.begin(), places.end());
  for (size_t i = 0; i < places.size(); ++i) {
    if (i > 0 && places[i].first == places[i - 1].first)
      return invalid_argument(
          fmt::format("split GGUF has duplicate shard index {}", places[i].first));
    order.push_back(places[i].second);
  }
  if (order.size() != count)
    return invalid_argument(fmt::format("split GGUF \"{}\" has {} shards, expected {}",
                                        shards[0].name, order.size(), count));
  for (size_t i = 0; i < places.size(); ++i)
    if (places[i].first != i)
      return invalid_argument(fmt::format("split GGUF is missing shard {}", i));
  return order;
}

Result<std::vector<const Layer*>> shard_layers(const Manifest& manifest) {
  std::vector<const Layer*> out;
  const Layer* last = manifest.find(media::kModel);
  const auto split = last ? parse_split_name(last->name) : std::nullopt;
  if (!split || split->count < 2) return out;
  for (uint64_t i = 0; i < split->count; ++i) {
    const std::string name = shard_name(*split, i);
    const Layer* found = nullptr;
    for (const Layer& layer : manifest.layers)
      if (layer.media_type == media::kModel && layer.name == name) found = &layer;
    if (!found)
      return Error{
          Errc::corrupt,
          fmt::format("the split file of the model lacks {}; create the model again", name)};
    out.push_back(found);
  }
  return out;
}

}  // namespace engine
