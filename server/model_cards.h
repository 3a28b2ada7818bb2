// ModelCards: what the weights file of a stored model says of itself and its parsed Go template,
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
#include "engine/text/chat_template.h"

namespace engine {

struct KnownModel {
  std::shared_ptr<const ModelCard> card;
  std::shared_ptr<const ChatTemplate> chat;  // of the store; null: the one of the file, or ChatML
};

// Thread-safe.
class ModelCards {
 public:
  // Errors of opening the file. A Go template that cannot be parsed is left out with a warning.
  Result<KnownModel> get(const ModelRecord& record);
  // This template for the model with weights at this path. To be done before get().
  void use_template(const std::string& path, std::shared_ptr<const ChatTemplate> chat);

 private:
  Result<KnownModel> read(const ModelRecord& record) const;

  static constexpr size_t kKept = 64;
  struct Entry {
    std::string digest;
    KnownModel model;
  };
  std::string path_;
  std::shared_ptr<const ChatTemplate> chat_;  // for path_
  std::mutex mutex_;
  std::list<Entry> entries_;  // most recently used first
};

}  // namespace engine
