// Questions and answers.
#include "server/cli/ask.h"

#include <fmt/format.h>

#include <cstdio>

#include "server/cli/fields.h"
#include "server/cli/forms.h"
#include "server/cli/keep_alive.h"
#include "server/cli/printer.h"

namespace engine::cli {
namespace {

bool is_done(const Json& object) {
  const auto it = object.find("done");
  return it != object.end() && it->is_boolean() && it->get<bool>();
}

// Prints the pieces of an answer; content and thinking are collected for the next question.
struct Reader {
  AnswerPrinter printer;
  Spinner spinner;
  std::string content, thinking;
  Json last = Json::object();

  explicit Reader(const AskSettings& s) : printer(s.wrap, s.hide_thinking, s.marks) {}
  void piece(const std::string& new_thinking, const std::string& new_content) {
    if (!new_thinking.empty() || !new_content.empty()) spinner.stop();
    printer.thinking(new_thinking);
    printer.content(new_content);
    thinking += new_thinking;
    content += new_content;
  }
  void tool_calls(const Json& list) {
    if (!list.is_array()) return;
    for (const Json& call : list) {
      const auto function = call.is_object() ? call.find("function") : call.end();
      if (!call.is_object() || function == call.end() || !function->is_object()) continue;
      const auto arguments = function->find("arguments");
      piece("", fmt::format("  Model called a non-existent function '{}()' with arguments: {}\n",
                            text_of(*function, "name"),
                            arguments == function->end() ? "{}" : dump_json(*arguments)));
    }
  }
  void finish() {
    spinner.stop();
    printer.finish();
  }
};

void print_statistics(const AskSettings& s, const Json& last) {
  if (s.verbose) std::fputs(statistics_text(last).c_str(), stderr);
}

}  // namespace

Json request_fields(const AskSettings& s) {
  Json request = {{"model", s.model}};
  if (!s.options.empty()) request["options"] = s.options;
  if (!s.think.is_null()) request["think"] = s.think;
  if (!s.format.is_null()) request["format"] = s.format;
  if (!s.logit_bias.is_null()) request["logit_bias"] = s.logit_bias;
  if (!s.shift.is_null()) request["shift"] = s.shift;
  if (!s.keep_alive.empty()) request["keep_alive"] = keep_alive_json(s.keep_alive);
  return request;
}

std::string statistics_text(const Json& last) {
  std::string out;
  const auto number = [&last](const char* key) -> int64_t {
    const auto it = last.find(key);
    return it != last.end() && it->is_number() ? it->get<int64_t>() : 0;
  };
  const auto line = [&out](const char* label, const std::string& value) {
    out += fmt::format("{:<22}{}\n", label, value);
  };
  const auto duration = [&](const char* label, const char* key) {
    if (number(key) > 0) line(label, go_duration(number(key)));
  };
  const auto count = [&](const char* label, const char* rate_label, const char* duration_label,
                         const char* count_key, const char* duration_key) {
    const int64_t n = number(count_key), ns = number(duration_key);
    if (n > 0) line(label, fmt::format("{} token(s)", n));
    duration(duration_label, duration_key);
    if (n > 0 && ns > 0)
      line(rate_label,
           fmt::format("{:.2f} tokens/s", static_cast<double>(n) * 1e9 / static_cast<double>(ns)));
  };
  duration("total duration:", "total_duration");
  duration("load duration:", "load_duration");
  count("prompt eval count:", "prompt eval rate:", "prompt eval duration:", "prompt_eval_count",
        "prompt_eval_duration");
  count("eval count:", "eval rate:", "eval duration:", "eval_count", "eval_duration");
  if (number("draft_count") > 0)
    line("speculation:", fmt::format("{} of {} proposed token(s) accepted",
                                     number("draft_accepted_count"), number("draft_count")));
  return out;
}

Status ask_once(Client& client, const AskSettings& settings, const std::string& prompt,
                const Json& images) {
  Json request = request_fields(settings);
  request["prompt"] = prompt;
  if (!settings.system.empty()) request["system"] = settings.system;
  if (!images.empty()) request["images"] = images;
  Reader reader(settings);
  const Status status = client.call("POST", "/api/generate", &request, [&](const Json& object) {
    reader.piece(text_of(object, "thinking"), text_of(object, "response"));
    if (is_done(object)) reader.last = object;
  });
  reader.finish();
  if (!status) {
    if (!reader.printer.empty()) std::puts("");
    return status;
  }
  if (!prompt.empty()) std::fputs("\n\n", stdout);
  std::fflush(stdout);
  print_statistics(settings, reader.last);
  return ok;
}

Result<ChatAnswer> ask_chat(Client& client, const AskSettings& settings, const Json& messages) {
  Json request = request_fields(settings);
  request["messages"] = messages;
  Reader reader(settings);
  const Status status = client.call("POST", "/api/chat", &request, [&](const Json& object) {
    if (const auto message = object.find("message");
        message != object.end() && message->is_object()) {
      reader.piece(text_of(*message, "thinking"), text_of(*message, "content"));
      if (const auto calls = message->find("tool_calls"); calls != message->end())
        reader.tool_calls(*calls);
    }
    if (is_done(object)) reader.last = object;
  });
  reader.finish();
  if (!reader.printer.empty()) std::fputs("\n\n", stdout);
  std::fflush(stdout);
  if (!status) return status.error();
  print_statistics(settings, reader.last);
  ChatAnswer answer{{{"role", "assistant"}, {"content", reader.content}}, reader.last};
  if (!reader.thinking.empty()) answer.message["thinking"] = reader.thinking;
  return answer;
}

}  // namespace engine::cli
