// One content block is open at a time; the next of another kind closes it.
#include "server/anthropic/formatter.h"

#include <nlohmann/json.hpp>
#include <optional>

#include "engine/run/prompt.h"
#include "server/answer_formatter.h"
#include "server/random_id.h"
#include "server/sse.h"

namespace engine::anthropic {
namespace {

class MessagesFormatter : public AnswerFormatter {
 public:
  explicit MessagesFormatter(AnswerInfo info)
      : AnswerFormatter(std::move(info)), id_(random_hex_id("msg_")) {}

  std::string_view content_type() const override {
    return info_.stream ? kEventStream : "application/json";
  }

  void failed(const Error& error, std::string& out) override {
    const Json data{{"type", "error"},
                    {"error", {{"type", "api_error"}, {"message", error.message}}}};
    append_event("error", data, out);
  }

 protected:
  void piece(PieceKind kind, const std::string& text, std::string& out) override {
    begin(out);
    const bool thinking = kind == PieceKind::thinking;
    if (open_ != kind) {
      close_block(out);
      Json block = thinking ? Json{{"type", "thinking"}, {"thinking", ""}}
                            : Json{{"type", "text"}, {"text", ""}};
      event("content_block_start", {{"index", index_}, {"content_block", std::move(block)}}, out);
      open_ = kind;
    }
    Json delta = thinking ? Json{{"type", "thinking_delta"}, {"thinking", text}}
                          : Json{{"type", "text_delta"}, {"text", text}};
    event("content_block_delta", {{"index", index_}, {"delta", std::move(delta)}}, out);
  }

  void call(const ChatToolCall& call, size_t, std::string& out) override {
    begin(out);
    close_block(out);
    Json block = call_block(call);
    block["input"] = Json::object();
    event("content_block_start", {{"index", index_}, {"content_block", std::move(block)}}, out);
    Json delta{{"type", "input_json_delta"}, {"partial_json", call.arguments}};
    event("content_block_delta", {{"index", index_}, {"delta", std::move(delta)}}, out);
    event("content_block_stop", {{"index", index_++}}, out);
  }

  void end(const AnswerText& all, const GenerateStats& stats, std::string& out) override {
    if (!info_.stream) {
      out += dump_json(single_reply(all, stats)) + '\n';
      return;
    }
    begin(out);
    close_block(out);
    event("message_delta", {{"delta", stop_fields(all, stats)}, {"usage", usage(stats)}}, out);
    event("message_stop", Json::object(), out);
  }

 private:
  static Json usage(const GenerateStats& stats) {
    return {{"input_tokens", stats.prompt_tokens}, {"output_tokens", stats.output_tokens}};
  }

  static Json stop_fields(const AnswerText& all, const GenerateStats& stats) {
    const bool matched = stats.reason == DoneReason::stop && !stats.stop_text.empty();
    return {{"stop_reason", !all.calls.empty()                   ? "tool_use"
                            : stats.reason == DoneReason::length ? "max_tokens"
                            : matched                            ? "stop_sequence"
                                                                 : "end_turn"},
            {"stop_sequence", matched ? Json(stats.stop_text) : Json()}};
  }

  static Json call_block(const ChatToolCall& call) {
    Result<Json> input = parse_json(call.arguments);
    return {{"type", "tool_use"},
            {"id", call.id},
            {"name", call.name},
            {"input", input ? std::move(*input) : Json::object()}};
  }

  Json message(Json content) const {
    return {{"id", id_},
            {"type", "message"},
            {"role", "assistant"},
            {"model", info_.model},
            {"content", std::move(content)}};
  }

  Json single_reply(const AnswerText& all, const GenerateStats& stats) const {
    Json content = Json::array();
    if (!all.thinking.empty())
      content.push_back(Json{{"type", "thinking"}, {"thinking", all.thinking}});
    if (!all.content.empty()) content.push_back(Json{{"type", "text"}, {"text", all.content}});
    for (const ChatToolCall& call : all.calls) content.push_back(call_block(call));
    Json reply = message(std::move(content));
    reply.update(stop_fields(all, stats));
    reply["usage"] = usage(stats);
    return reply;
  }

  static void event(const char* type, Json fields, std::string& out) {
    Json data{{"type", type}};
    data.update(fields);
    append_event(type, data, out);
  }

  void begin(std::string& out) {
    if (std::exchange(begun_, true)) return;
    Json start = message(Json::array());
    start["usage"] = Json{{"input_tokens", info_.prompt_tokens}, {"output_tokens", 0}};
    event("message_start", {{"message", std::move(start)}}, out);
  }

  void close_block(std::string& out) {
    if (!open_) return;
    event("content_block_stop", {{"index", index_++}}, out);
    open_.reset();
  }

  const std::string id_;
  bool begun_ = false;
  int index_ = 0;  // of the open block, or of the next
  std::optional<PieceKind> open_;
};

}  // namespace

AnswerForm messages_form() {
  AnswerForm form = native_form();
  form.think_if_able = true;  // clients always ask for it
  form.formatter = [](AnswerInfo info) -> std::unique_ptr<Formatter> {
    return std::make_unique<MessagesFormatter>(std::move(info));
  };
  return form;
}

AnswerForm count_form() {
  AnswerForm form = messages_form();
  form.rendered = [](const AnswerInfo&, const Prompt& prompt) {
    return Json{{"input_tokens", prompt.tokens.size()}};
  };
  return form;
}

}  // namespace engine::anthropic
