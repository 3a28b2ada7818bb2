// The digest of the manifest is the key: it covers weights, template and config.
#include "server/model_cards.h"

#include <algorithm>

namespace engine {

Result<std::shared_ptr<const ModelCard>> ModelCards::get(const ModelRecord& record) {
  {
    std::lock_guard lock(mutex_);
    const auto it = std::find_if(entries_.begin(), entries_.end(),
                                 [&](const Entry& e) { return e.digest == record.digest; });
    if (it != entries_.end()) {
      entries_.splice(entries_.begin(), entries_, it);
      return it->card;
    }
  }
  ENGINE_TRY(card, read_model_card(record));
  auto shared = std::make_shared<const ModelCard>(std::move(card));
  std::lock_guard lock(mutex_);
  entries_.push_front({record.digest, shared});
  if (entries_.size() > kKept) entries_.pop_back();
  return std::shared_ptr<const ModelCard>(shared);
}

}  // namespace engine
