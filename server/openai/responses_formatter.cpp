// A response is a list of items. In a stream one item is open at a time: reasoning is closed when
// text or a call begins. Events are numbered.
#include <ctime>
#include <nlohmann/json.hpp>
#include <optional>

#include "server/answer_formatter.h"
#include "server/json_fields.h"
#include "server/openai/responses.h"
#include "server/random_id.h"
#include "server/sse.h"

namespace engine::openai {
namespace {

Json part(const std::string& text) {
  return {{"type", "output_text"},
          {"text", text},
          {"annotations", Json::array()},
          {"logprobs", Json::array()}};
}

Json reasoning_item(const std::string& id, const std::string& text) {
  Json summary{{"type", "summary_text"}, {"text", text}};
  return {{"id", id},
          {"type", "reasoning"},
          {"summary", Json::array({std::move(summary)})},
          {"encrypted_content", text}};
}

Json message_item(const std::string& id, const char* status, Json content) {
  return {{"id", id},
          {"type", "message"},
          {"status", status},
          {"role", "assistant"},
          {"content", std::move(content)}};
}

Json finished_item(PieceKind kind, const std::string& id, const std::string& text) {
  if (kind == PieceKind::thinking) return reasoning_item(id, text);
  return message_item(id, "completed", Json::array({part(text)}));
}

Json call_item(const std::string& id, const char* status, const ChatToolCall& call,
               const std::string& arguments) {
  return {{"id", id},           {"type", "function_call"}, {"status", status},
          {"call_id", call.id}, {"name", call.name},       {"arguments", arguments}};
}

std::string item_id(PieceKind kind) {
  return random_id(kind == PieceKind::thinking ? "rs_" : "msg_");
}

class ResponsesFormatter : public AnswerFormatter {
 public:
  ResponsesFormatter(AnswerInfo info, Json echo)
      : AnswerFormatter(std::move(info)),
        echo_(std::move(echo)),
        id_(random_id("resp_")),
        created_(std::time(nullptr)) {}

  std::string_view content_type() const override {
    return info_.stream ? kEventStream : "application/json";
  }

  void failed(const Error& error, std::string& out) override {
    Json response = object("failed", Json(), Json());
    response["error"] = Json{{"code", "server_error"}, {"message", error.message}};
    event("response.failed", {{"response", std::move(response)}}, out);
  }

 protected:
  void piece(PieceKind kind, const std::string& text, std::string& out) override {
    begin(out);
    if (open_ != kind) {
      close_item(out);
      open_item(kind, out);
    }
    text_ += text;
    if (kind == PieceKind::thinking)
      item_event("response.reasoning_summary_text.delta", {{"summary_index", 0}, {"delta", text}},
                 out);
    else
      item_event("response.output_text.delta",
                 {{"content_index", 0}, {"delta", text}, {"logprobs", Json::array()}}, out);
  }

  void call(const ChatToolCall& call, size_t, std::string& out) override {
    begin(out);
    close_item(out);
    item_id_ = random_id("fc_");
    event(
        "response.output_item.added",
        {{"output_index", output_.size()}, {"item", call_item(item_id_, "in_progress", call, "")}},
        out);
    item_event("response.function_call_arguments.delta", {{"delta", call.arguments}}, out);
    item_event("response.function_call_arguments.done", {{"arguments", call.arguments}}, out);
    Json item = call_item(item_id_, "completed", call, call.arguments);
    event("response.output_item.done", {{"output_index", output_.size()}, {"item", item}}, out);
    output_.push_back(std::move(item));
  }

  void end(const AnswerText& all, const GenerateStats& stats, std::string& out) override {
    const bool cut = stats.reason == DoneReason::length;
    const char* status = cut ? "incomplete" : "completed";
    if (!info_.stream) {
      for (const PieceKind kind : {PieceKind::thinking, PieceKind::content}) {
        const std::string& text = kind == PieceKind::thinking ? all.thinking : all.content;
        const bool needed = kind == PieceKind::content && all.calls.empty();
        if (needed || !text.empty()) output_.push_back(finished_item(kind, item_id(kind), text));
      }
      for (const ChatToolCall& call : all.calls)
        output_.push_back(call_item(random_id("fc_"), "completed", call, call.arguments));
      out += dump_json(object(status, usage(stats), std::time(nullptr))) + '\n';
      return;
    }
    begin(out);
    // Without calls the last item is a message, if an empty one.
    if (open_ != PieceKind::content && all.calls.empty()) {
      close_item(out);
      open_item(PieceKind::content, out);
    }
    close_item(out);
    event(cut ? "response.incomplete" : "response.completed",
          {{"response", object(status, usage(stats), std::time(nullptr))}}, out);
  }

 private:
  Json usage(const GenerateStats& stats) const {
    return {{"input_tokens", stats.prompt_tokens},
            {"output_tokens", stats.output_tokens},
            {"total_tokens", stats.prompt_tokens + stats.output_tokens},
            {"input_tokens_details", {{"cached_tokens", stats.cached_tokens}}},
            {"output_tokens_details", {{"reasoning_tokens", thinking_tokens()}}}};
  }

  Json object(const std::string& status, Json usage, Json completed_at) const {
    Json out{{"id", id_},
             {"object", "response"},
             {"created_at", created_},
             {"completed_at", std::move(completed_at)},
             {"status", status},
             {"incomplete_details", nullptr},
             {"model", info_.model},
             {"previous_response_id", nullptr},
             {"instructions", echo_["instructions"]},
             {"output", output_},
             {"error", nullptr},
             {"tools", echo_["tools"]},
             {"tool_choice", echo_["tool_choice"]},
             {"truncation", echo_["truncation"]},
             {"parallel_tool_calls", echo_["parallel_tool_calls"]},
             {"text", echo_["text"]},
             {"top_p", echo_["top_p"]},
             {"presence_penalty", 0},
             {"frequency_penalty", 0},
             {"top_logprobs", 0},
             {"temperature", echo_["temperature"]},
             {"reasoning", echo_["reasoning"]},
             {"usage", std::move(usage)},
             {"max_output_tokens", echo_["max_output_tokens"]},
             {"max_tool_calls", nullptr},
             {"store", false},
             {"background", echo_["background"]},
             {"service_tier", "default"},
             {"metadata", Json::object()},
             {"safety_identifier", nullptr},
             {"prompt_cache_key", nullptr}};
    if (status == "incomplete") out["incomplete_details"] = Json{{"reason", "max_output_tokens"}};
    return out;
  }

  void event(const char* type, Json fields, std::string& out) {
    Json data{{"type", type}, {"sequence_number", sequence_++}};
    data.update(fields);
    append_event(type, data, out);
  }

  // Of the open item.
  void item_event(const char* type, Json fields, std::string& out) {
    Json all{{"item_id", item_id_}, {"output_index", output_.size()}};
    all.update(fields);
    event(type, std::move(all), out);
  }

  void begin(std::string& out) {
    if (std::exchange(begun_, true)) return;
    for (const char* type : {"response.created", "response.in_progress"})
      event(type, {{"response", object("in_progress", Json(), Json())}}, out);
  }

  void open_item(PieceKind kind, std::string& out) {
    open_ = kind;
    item_id_ = item_id(kind);
    text_.clear();
    Json item;
    if (kind == PieceKind::thinking)
      item = Json{{"id", item_id_}, {"type", "reasoning"}, {"summary", Json::array()}};
    else
      item = message_item(item_id_, "in_progress", Json::array());
    event("response.output_item.added",
          {{"output_index", output_.size()}, {"item", std::move(item)}}, out);
    if (kind == PieceKind::content)
      item_event("response.content_part.added", {{"content_index", 0}, {"part", part("")}}, out);
  }

  void close_item(std::string& out) {
    if (!open_) return;
    const PieceKind kind = *open_;
    if (kind == PieceKind::thinking) {
      item_event("response.reasoning_summary_text.done", {{"summary_index", 0}, {"text", text_}},
                 out);
    } else {
      item_event("response.output_text.done",
                 {{"content_index", 0}, {"text", text_}, {"logprobs", Json::array()}}, out);
      item_event("response.content_part.done", {{"content_index", 0}, {"part", part(text_)}}, out);
    }
    Json item = finished_item(kind, item_id_, text_);
    event("response.output_item.done", {{"output_index", output_.size()}, {"item", item}}, out);
    output_.push_back(std::move(item));
    open_.reset();
  }

  const Json echo_;  // parts of the request
  const std::string id_;
  const std::time_t created_;
  int sequence_ = 0;
  bool begun_ = false;
  Json output_ = Json::array();  // finished items
  // the open item
  std::optional<PieceKind> open_;
  std::string item_id_, text_;
};

}  // namespace

Result<AnswerForm> responses_form(const Json& body) {
  const JsonFields fields(body);
  const auto given = [&](const char* key, Json fallback) {
    const Json* value = fields.get(key);
    return value ? *value : fallback;
  };
  Json echo;
  echo["instructions"] = given("instructions", nullptr);
  echo["tools"] = given("tools", Json::array());
  echo["tool_choice"] = given("tool_choice", "auto");
  echo["parallel_tool_calls"] = given("parallel_tool_calls", true);
  echo["truncation"] = given("truncation", "disabled");
  echo["text"] = given("text", Json{{"format", {{"type", "text"}}}});
  echo["top_p"] = given("top_p", 1.0);
  echo["temperature"] = given("temperature", 1.0);
  echo["max_output_tokens"] = given("max_output_tokens", nullptr);
  echo["background"] = given("background", false);
  ENGINE_TRY(reasoning, fields.object("reasoning"));
  echo["reasoning"] = nullptr;
  if (reasoning) {
    const JsonFields inner(*reasoning, "reasoning.");
    const Json *effort = inner.get("effort"), *summary = inner.get("summary");
    if (effort || summary)
      echo["reasoning"] =
          Json{{"effort", effort ? *effort : Json()}, {"summary", summary ? *summary : Json()}};
  }
  AnswerForm form = native_form();
  form.formatter = [echo = std::move(echo)](AnswerInfo info) -> std::unique_ptr<Formatter> {
    return std::make_unique<ResponsesFormatter>(std::move(info), echo);
  };
  return form;
}

}  // namespace engine::openai
