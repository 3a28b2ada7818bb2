// A stream has an object per piece of text and one at the end that says why it ended; no mark of
// the protocol follows.
#include "server/llamacpp/formatter.h"

#include <nlohmann/json.hpp>

#include "server/answer_formatter.h"
#include "server/api_form.h"
#include "server/error_map.h"
#include "server/sse.h"
#include "server/timings.h"

namespace engine::llamacpp {
namespace {

Json bytes_json(const std::string& text) {
  Json out = Json::array();
  for (const char c : text) out.push_back(static_cast<uint8_t>(c));
  return out;
}

Json probability_json(const TokenLogprob& p) {
  return {{"id", p.id}, {"token", p.bytes}, {"bytes", bytes_json(p.bytes)}, {"logprob", p.logprob}};
}

// The fields that were asked for; "a/b" is b inside a, under that name.
Json chosen_fields(const Json& all, const std::vector<std::string>& names) {
  if (names.empty()) return all;
  Json out = Json::object();
  for (const std::string& name : names) {
    const Json* value = &all;
    for (size_t at = 0; value && at <= name.size();) {
      const size_t end = std::min(name.find('/', at), name.size());
      const std::string key = name.substr(at, end - at);
      value = value->is_object() && value->contains(key) ? &(*value)[key] : nullptr;
      at = end + 1;
    }
    if (value) out[name] = *value;
  }
  return out;
}

const char* stop_type(const GenerateStats& stats) {
  if (stats.reason == DoneReason::length) return "limit";
  return stats.stop_text.empty() ? "eos" : "word";
}

class CompletionFormatter : public AnswerFormatter {
 public:
  CompletionFormatter(AnswerInfo info, CompletionRequest asked,
                      std::shared_ptr<const PromptFacts> prompt)
      : AnswerFormatter(std::move(info)), asked_(std::move(asked)), prompt_(std::move(prompt)) {}

  std::string_view content_type() const override {
    return info_.stream ? kEventStream : "application/json; charset=utf-8";
  }

  void write(const TokenEvent& event, std::string& out) override {
    if (event.token >= 0) {
      tokens_.push_back(event.token);
      ++predicted_;
    }
    for (const TokenLogprob& p : event.logprobs) {
      Json entry = probability_json(p);
      entry["top_logprobs"] = Json::array();
      for (const TokenLogprob& other : p.top)
        entry["top_logprobs"].push_back(probability_json(other));
      probabilities_.push_back(std::move(entry));
    }
    AnswerFormatter::write(event, out);
  }

  void failed(const Error& error, std::string& out) override {
    append_event(error_json(ApiForm::llamacpp, http_status(error.code), error.message), out);
  }

 protected:
  // The text of this endpoint is raw: there is no reasoning in it, and there are no calls.
  void piece(PieceKind, const std::string& text, std::string& out) override {
    Json object{{"index", 0},
                {"content", text},
                {"tokens", std::exchange(tokens_, {})},
                {"stop", false},
                {"tokens_predicted", predicted_},
                {"tokens_evaluated", prompt_->tokens}};
    add_probabilities(object);
    append_event(object, out);
  }
  void call(const ChatToolCall&, size_t, std::string&) override {}

  void end(const AnswerText& all, const GenerateStats& stats, std::string& out) override {
    const bool tokens = !info_.stream && asked_.return_tokens;
    Json object{{"index", 0},
                {"content", info_.stream ? std::string() : all.content},
                {"tokens", tokens ? tokens_ : std::vector<Token>()},
                {"stop", true},
                {"model", info_.model},
                {"tokens_predicted", stats.output_tokens},
                {"tokens_evaluated", stats.prompt_tokens},
                {"tokens_cached", stats.cached_tokens},
                {"truncated", stats.prompt_tokens + stats.output_tokens > prompt_->context},
                {"stop_type", stop_type(stats)},
                {"stopping_word", stats.stop_text}};
    add_probabilities(object);
    object["timings"] = timings_json(stats);
    object = chosen_fields(object, asked_.response_fields);
    if (info_.stream)
      append_event(object, out);
    else
      out += dump_json(object);
  }

 private:
  void add_probabilities(Json& object) {
    if (probabilities_.empty()) return;
    object["completion_probabilities"] = std::exchange(probabilities_, Json::array());
  }

  const CompletionRequest asked_;
  const std::shared_ptr<const PromptFacts> prompt_;
  std::vector<Token> tokens_;  // since the last piece
  Json probabilities_ = Json::array();
  int predicted_ = 0;
};

}  // namespace

AnswerForm completion_form(const CompletionRequest& asked,
                           std::shared_ptr<const PromptFacts> prompt) {
  AnswerForm form = native_form();
  form.formatter = [asked, prompt](AnswerInfo info) -> std::unique_ptr<Formatter> {
    return std::make_unique<CompletionFormatter>(std::move(info), asked, prompt);
  };
  form.refused = [prompt](const Error& error) {
    const int status = http_status(error.code);
    Json body = error_json(ApiForm::llamacpp, status, error.message);
    if (prompt->tokens > prompt->context) {
      body["error"]["type"] = "exceed_context_size_error";
      body["error"]["n_prompt_tokens"] = prompt->tokens;
      body["error"]["n_ctx"] = prompt->context;
    }
    return json_response(ApiForm::llamacpp, status, body);
  };
  return form;
}

}  // namespace engine::llamacpp
