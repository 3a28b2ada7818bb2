// Chunks of a stream share id and date with each other. The role comes with the first delta alone,
// the finish reason with the last, and the usage in a chunk of its own.
#include "server/openai/formatter.h"

#include <ctime>
#include <nlohmann/json.hpp>

#include "engine/run/prompt.h"
#include "server/answer_formatter.h"
#include "server/api_form.h"
#include "server/error_map.h"
#include "server/random_id.h"
#include "server/sse.h"
#include "server/timings.h"

namespace engine::openai {
namespace {

constexpr const char* kFingerprint = "fp_ollama";  // clients compare it in their tests

Json usage(const GenerateStats& stats) {
  return {{"prompt_tokens", stats.prompt_tokens},
          {"completion_tokens", stats.output_tokens},
          {"total_tokens", stats.prompt_tokens + stats.output_tokens},
          {"prompt_tokens_details", {{"cached_tokens", stats.cached_tokens}}}};
}

const char* finish_reason(const GenerateStats& stats) {
  return stats.reason == DoneReason::length ? "length" : "stop";
}

// What the two formatters share: the frame of a reply, errors, the end of a stream.
class OpenAiFormatter : public AnswerFormatter {
 public:
  OpenAiFormatter(AnswerInfo info, ReplyExtras extras, const char* id_prefix)
      : AnswerFormatter(std::move(info)),
        extras_(extras),
        id_(random_id(id_prefix)),
        created_(std::time(nullptr)) {}

  std::string_view content_type() const override {
    return info_.stream ? kEventStream : "application/json";
  }

  void failed(const Error& error, std::string& out) override {
    append_event(error_json(ApiForm::openai, http_status(error.code), error.message), out);
  }

 protected:
  void add_logprobs(Json& choice) {
    Json list = take_logprobs();
    if (!list.empty()) choice["logprobs"] = Json{{"content", std::move(list)}};
  }

  void add_timings(const GenerateStats& stats, Json& object) const {
    if (extras_.timings) object["timings"] = timings_json(stats);
  }

  const ReplyExtras extras_;
  const std::string id_;
  const std::time_t created_;
};

class ChatFormatter : public OpenAiFormatter {
 public:
  ChatFormatter(AnswerInfo info, ReplyExtras extras)
      : OpenAiFormatter(std::move(info), extras, "chatcmpl-") {}

 protected:
  void piece(PieceKind kind, const std::string& text, std::string& out) override {
    Json delta = first_delta();
    delta["content"] = kind == PieceKind::content ? text : "";
    if (kind == PieceKind::thinking) delta["reasoning"] = text;
    chunk(std::move(delta), nullptr, out);
  }

  void call(const ChatToolCall& call, size_t index, std::string& out) override {
    Json delta = first_delta();
    delta["content"] = "";
    delta["tool_calls"] = Json::array({call_json(call, index)});
    chunk(std::move(delta), nullptr, out);
  }

  void end(const AnswerText& all, const GenerateStats& stats, std::string& out) override {
    const bool calls = stats.reason == DoneReason::stop && !all.calls.empty();
    const char* reason = calls ? "tool_calls" : finish_reason(stats);
    if (info_.stream) return end_stream(reason, stats, out);
    Json message{{"role", "assistant"}, {"content", all.content}};
    if (!all.thinking.empty()) message["reasoning"] = all.thinking;
    if (!all.calls.empty()) {
      Json& list = message["tool_calls"] = Json::array();
      for (const ChatToolCall& call : all.calls) list.push_back(call_json(call, list.size()));
    }
    Json choice{{"index", 0}, {"message", std::move(message)}, {"finish_reason", reason}};
    add_logprobs(choice);
    Json reply = object("chat.completion", Json::array({std::move(choice)}));
    reply["usage"] = chat_usage(stats);
    add_timings(stats, reply);
    out += dump_json(reply) + '\n';
  }

 private:
  Json chat_usage(const GenerateStats& stats) const {
    Json out = usage(stats);
    out["completion_tokens_details"] = Json{{"reasoning_tokens", thinking_tokens()}};
    return out;
  }

  static Json call_json(const ChatToolCall& call, size_t index) {
    return {{"id", call.id},
            {"index", index},
            {"type", "function"},
            {"function", {{"name", call.name}, {"arguments", call.arguments}}}};
  }

  Json object(const char* type, Json choices) const {
    return {{"id", id_},
            {"object", type},
            {"created", created_},
            {"model", info_.model},
            {"system_fingerprint", kFingerprint},
            {"choices", std::move(choices)}};
  }

  Json first_delta() {
    Json delta = Json::object();
    if (!std::exchange(begun_, true)) delta["role"] = "assistant";
    return delta;
  }

  Json chunk_object(Json delta, Json reason) {
    Json choice{{"index", 0}, {"delta", std::move(delta)}, {"finish_reason", std::move(reason)}};
    add_logprobs(choice);
    return object("chat.completion.chunk", Json::array({std::move(choice)}));
  }

  void chunk(Json delta, Json reason, std::string& out) {
    append_event(chunk_object(std::move(delta), std::move(reason)), out);
  }

  void end_stream(const char* reason, const GenerateStats& stats, std::string& out) {
    if (!begun_) {
      Json delta = first_delta();
      delta["content"] = "";
      chunk(std::move(delta), nullptr, out);
    }
    Json finish = chunk_object(Json::object(), reason);
    add_timings(stats, finish);
    append_event(finish, out);
    if (extras_.usage) {
      Json last = object("chat.completion.chunk", Json::array());
      last["usage"] = chat_usage(stats);
      append_event(last, out);
    }
    out += "data: [DONE]\n\n";
  }

  bool begun_ = false;  // the first delta was written
};

class CompletionFormatter : public OpenAiFormatter {
 public:
  CompletionFormatter(AnswerInfo info, ReplyExtras extras)
      : OpenAiFormatter(std::move(info), extras, "cmpl-") {}

  Json single_reply(const std::string& text, const char* reason, Json usage) {
    return {{"id", id_},
            {"object", "text_completion"},
            {"created", created_},
            {"model", info_.model},
            {"system_fingerprint", kFingerprint},
            {"choices", choices(text, reason)},
            {"usage", std::move(usage)}};
  }

 protected:
  // This endpoint never returns reasoning.
  void piece(PieceKind kind, const std::string& text, std::string& out) override {
    if (kind == PieceKind::thinking)
      take_logprobs();
    else
      append_event(chunk(choices(text, nullptr), usage(GenerateStats())), out);
  }
  // Requests of this endpoint have no tools.
  void call(const ChatToolCall&, size_t, std::string&) override {}

  void end(const AnswerText& all, const GenerateStats& stats, std::string& out) override {
    if (!info_.stream) {
      Json reply = single_reply(all.content, finish_reason(stats), usage(stats));
      add_timings(stats, reply);
      out += dump_json(reply) + '\n';
      return;
    }
    Json finish = chunk(choices("", finish_reason(stats)), usage(GenerateStats()));
    add_timings(stats, finish);
    append_event(finish, out);
    if (extras_.usage) append_event(chunk(Json::array(), usage(stats)), out);
    out += "data: [DONE]\n\n";
  }

 private:
  Json choices(const std::string& text, Json reason) {
    Json choice{{"text", text}, {"index", 0}, {"finish_reason", std::move(reason)}};
    add_logprobs(choice);
    return Json::array({std::move(choice)});
  }

  Json chunk(Json choices, Json usage) const {
    Json out{{"id", id_},
             {"object", "text_completion"},
             {"created", created_},
             {"choices", std::move(choices)},
             {"model", info_.model},
             {"system_fingerprint", kFingerprint}};
    if (extras_.usage) out["usage"] = std::move(usage);
    return out;
  }
};

}  // namespace

AnswerForm chat_form(ReplyExtras extras) {
  AnswerForm form = native_form();
  form.formatter = [extras](AnswerInfo info) -> std::unique_ptr<Formatter> {
    return std::make_unique<ChatFormatter>(std::move(info), extras);
  };
  return form;
}

AnswerForm count_form() {
  AnswerForm form = native_form();
  form.rendered = [](const AnswerInfo&, const Prompt& prompt) {
    return Json{{"object", "response.input_tokens"}, {"input_tokens", prompt.tokens.size()}};
  };
  return form;
}

AnswerForm completion_form(ReplyExtras extras) {
  AnswerForm form = native_form();
  form.formatter = [extras](AnswerInfo info) -> std::unique_ptr<Formatter> {
    return std::make_unique<CompletionFormatter>(std::move(info), extras);
  };
  form.loaded = [](const AnswerInfo& info, const char* reason) {
    return CompletionFormatter(info, {}).single_reply("", reason, usage(GenerateStats()));
  };
  return form;
}

}  // namespace engine::openai
