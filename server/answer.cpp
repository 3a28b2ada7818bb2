// Keys come in the order clients have always seen; those that are 0 or empty are left out.
#include "server/answer.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <optional>

#include "server/thinking.h"
#include "server/timestamp.h"

namespace engine {
namespace {

const char* reason_text(DoneReason reason) {
  return reason == DoneReason::length ? "length" : "stop";
}

class NativeFormatter : public Formatter {
 public:
  explicit NativeFormatter(AnswerInfo info) : info_(std::move(info)) {
    if (info_.split_thinking) splitter_.emplace("<think>", "</think>", info_.starts_thinking);
  }

  bool single() const override { return !info_.stream; }

  std::string_view content_type() const override {
    return info_.stream ? "application/x-ndjson" : "application/json; charset=utf-8";
  }

  void write(const TokenEvent& event, std::string& out) override {
    if (event.text.empty()) return;
    if (!splitter_) return emit({{}, event.text}, out);
    emit(splitter_->push(event.text), out);
  }

  void done(const GenerateStats& stats, std::string& out) override {
    if (splitter_) emit(splitter_->finish(), out);
    Json object = answer_object(info_, content_, thinking_);
    object["done"] = true;
    object["done_reason"] = reason_text(stats.reason);
    const size_t before = out.size();
    if (info_.with_context) {
      Json with = object;
      with["context"] = stats.context;
      add_metrics(stats, with);
      line(with, out);
    }
    if (out.size() == before || out.size() - before > kMaxLineBytes) {
      out.resize(before);
      add_metrics(stats, object);
      line(object, out);
    }
    const double seconds = static_cast<double>(stats.output_ns) / 1e9;
    note_ = fmt::format(
        "prompt {} ({} cached), output {}, {:.1f} tokens/s{}{}", stats.prompt_tokens,
        stats.cached_tokens, stats.output_tokens, seconds > 0 ? stats.output_tokens / seconds : 0.0,
        stats.proposed_tokens > 0 ? fmt::format(", accepted {} of {} proposed",
                                                stats.accepted_tokens, stats.proposed_tokens)
                                  : "",
        info_.note);
  }

  void failed(const Error& error, std::string& out) override {
    line(Json{{"error", error.message}}, out);
  }

  std::string note() const override { return note_; }

 private:
  void emit(const ThinkingSplitter::Part& part, std::string& out) {
    if (!info_.stream) {
      thinking_ += part.thinking;
      content_ += part.content;
      return;
    }
    // Never both in one object: clients show them in different places.
    if (!part.thinking.empty()) piece({}, part.thinking, out);
    if (!part.content.empty()) piece(part.content, {}, out);
  }

  void piece(const std::string& content, const std::string& thinking, std::string& out) {
    Json object = answer_object(info_, content, thinking);
    object["done"] = false;
    line(object, out);
  }

  void line(const Json& object, std::string& out) const {
    out += dump_json(object);
    if (info_.stream) out += '\n';
  }

  void add_metrics(const GenerateStats& stats, Json& object) const {
    const auto add = [&](const char* key, int64_t value) {
      if (value > 0) object[key] = value;
    };
    const auto total = std::chrono::steady_clock::now() - info_.arrival;
    add("total_duration", std::chrono::duration_cast<std::chrono::nanoseconds>(total).count());
    add("load_duration", info_.load.count());
    add("prompt_eval_count", stats.prompt_tokens);
    add("prompt_eval_duration", stats.prompt_ns);
    add("eval_count", stats.output_tokens);
    add("eval_duration", stats.output_ns);
    add("draft_count", stats.proposed_tokens);
    add("draft_accepted_count", stats.accepted_tokens);
  }

  const AnswerInfo info_;
  std::optional<ThinkingSplitter> splitter_;
  std::string content_, thinking_, note_;  // texts: of a single reply only
};

}  // namespace

std::unique_ptr<Formatter> make_native_formatter(AnswerInfo info) {
  return std::make_unique<NativeFormatter>(std::move(info));
}

Json answer_object(const AnswerInfo& info, const std::string& content,
                   const std::string& thinking) {
  Json object;
  object["model"] = info.model;
  object["created_at"] = utc_now();
  if (info.chat) {
    Json message{{"role", "assistant"}, {"content", content}};
    if (!thinking.empty()) message["thinking"] = thinking;
    object["message"] = std::move(message);
  } else {
    object["response"] = content;
    if (!thinking.empty()) object["thinking"] = thinking;
  }
  return object;
}

Json load_reply(const AnswerInfo& info, const char* reason) {
  Json object = answer_object(info, {}, {});
  object["done"] = true;
  object["done_reason"] = reason;
  return object;
}

Json debug_reply(const AnswerInfo& info, const std::string& rendered) {
  Json object = answer_object(info, {}, {});
  if (info.chat) object["message"]["role"] = "";
  object["done"] = false;
  object["_debug_info"] = Json{{"rendered_template", rendered}};
  return object;
}

}  // namespace engine
