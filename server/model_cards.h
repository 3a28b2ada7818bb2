// ModelCards: what the weights file of a stored model says of itself,
// remembered, since reading the metadata of a large vocabulary again
// for every request would cost more than the rest of the request.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "engine/core/result.h"
#include "engine/store/model_card.h"
#include "engine/store/model_store.h"

namespace engine {

// Thread-safe.
class ModelCards {
 public:
  // Errors of opening the file.
  Result<std::shared_ptr<const ModelCard>> get(const ModelRecord& record);

 private:
  static constexpr size_t kKept = 64;
  struct Entry {
    std::string digest;
    std::shared_ptr<const ModelCard> card;
  };
  std::mutex mutex_;
  std::list<Entry> entries_;  // most recently used first
};

}  // namespace engine
