// Split GGUF files: PREFIX-00001-of-00003.gguf, as names of files and of the layers that keep them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/core/result.h"
#include "engine/store/manifest.h"

namespace engine {

struct SplitName {
  std::string prefix;
  uint64_t index = 0, count = 0;  // index from 0
};

// nullopt: not of that form.
std::optional<SplitName> parse_split_name(std::string_view file_name);
std::string shard_name(const SplitName& split, uint64_t index);

// A shard as its metadata describe it.
struct ShardFacts {
  std::string name;               // of the file
  uint64_t count = 0;             // split.count
  std::optional<uint64_t> index;  // split.no, from 0
};

// The order of the shards of one split file, as positions in the list. Errors of kind
// invalid_argument say which shard is missing, given twice, or does not belong.
Result<std::vector<size_t>> order_shards(const std::vector<ShardFacts>& shards);

// The model layers that are one split file together, in the order of the shards: those of the last
// model layer's name. Empty: the last model layer is a whole file. Errc::corrupt: a shard is missing.
Result<std::vector<const Layer*>> shard_layers(const Manifest& manifest);

}  // namespace engine
