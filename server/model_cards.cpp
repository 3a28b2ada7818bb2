// The digest of the manifest is the key: it covers weights, template and config.
#include "server/model_cards.h"

#include <algorithm>

#include "engine/core/log.h"
#include "engine/store/describe.h"
#include "server/template_choice.h"

namespace engine {

void ModelCards::use_template(const std::string& path, std::shared_ptr<const ChatTemplate> chat) {
  path_ = path;
  chat_ = std::move(chat);
}

Result<KnownModel> ModelCards::read(const ModelRecord& record) const {
  if (chat_ && record.model_path == path_) {
    ENGINE_TRY(card, read_model_card(record, [this](const std::string&) {
                 return jinja_capabilities(chat_->source());
               }));
    card.chat_template = chat_->source();
    return KnownModel{std::make_shared<const ModelCard>(std::move(card)), chat_};
  }
  std::optional<ChatTemplate> go;
  if (!record.template_text.empty()) {
    if (Result<ChatTemplate> parsed = ChatTemplate::parse_go(record.template_text))
      go = std::move(*parsed);
    else
      log_warn("the template of {} cannot be used: {}", record.name.short_form(),
               parsed.error().message);
  }
  std::shared_ptr<const ChatTemplate> chat;
  const auto choose = [&](const std::string& jinja) -> std::optional<std::vector<std::string>> {
    if (!go || !go_template_renders(*go, jinja)) return std::nullopt;
    chat = std::make_shared<const ChatTemplate>(std::move(*go));
    return go_capabilities(*chat);
  };
  ENGINE_TRY(card, read_model_card(record, choose));
  return KnownModel{std::make_shared<const ModelCard>(std::move(card)), std::move(chat)};
}

Result<KnownModel> ModelCards::get(const ModelRecord& record) {
  {
    std::lock_guard lock(mutex_);
    const auto it = std::find_if(entries_.begin(), entries_.end(),
                                 [&](const Entry& e) { return e.digest == record.digest; });
    if (it != entries_.end()) {
      entries_.splice(entries_.begin(), entries_, it);
      return it->model;
    }
  }
  ENGINE_TRY(model, read(record));
  std::lock_guard lock(mutex_);
  entries_.push_front({record.digest, model});
  if (entries_.size() > kKept) entries_.pop_back();
  return model;
}

}  // namespace engine
