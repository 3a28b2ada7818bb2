#include "server/cli/llama/text_completion.h"

#include <fmt/format.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "engine/core/clock.h"
#include "server/cli/interrupt.h"
#include "server/cli/llama/chat_input.h"
#include "server/cli/llama/perf_text.h"

namespace engine::cli {
namespace {

void print_part(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

class TextCompletion {
 public:
  TextCompletion(const Args& args, LlamaModel& model, const LlamaSettings& settings)
      : model_(model),
        request_(request_fields(settings.ask)),
        prefix_(args.text("--in-prefix")),
        suffix_(args.text("--in-suffix")),
        interactive_(args.has("--interactive") || args.has("--interactive-first") ||
                     args.has("--in-prefix") || args.has("--in-suffix")),
        user_first_(args.has("--interactive-first")),
        input_(args.has("--multiline-input"), args.has("--simple-io"), ""),
        text_(settings.prompt) {
    request_.erase("think");
    request_["raw"] = true;
    if (llama_switch(args, "--escape", true))
      prefix_ = unescape_text(prefix_), suffix_ = unescape_text(suffix_);
    const auto stop = settings.ask.options.find("stop");
    if (stop != settings.ask.options.end() && !stop->empty())
      reverse_prompt_ = stop->front().get<std::string>();
    sum_["load_duration"] = model.load_ns;
  }

  Status run(bool display_prompt) {
    if (display_prompt) print_part(text_);
    if (user_first_ && hear() != LineEditor::End::enter) return ok;
    while (true) {
      const Status status = carry_on();
      const bool stopped = !status && status.error().code == Errc::cancelled;
      if (!status && !stopped) return status;
      if (!interactive_) {
        print_part("\n");
        return status;
      }
      clear_interrupt();
      const LineEditor::End end = hear();
      if (end == LineEditor::End::enter) continue;
      print_part("\n");
      if (end == LineEditor::End::interrupted) return Error{Errc::cancelled, "interrupted"};
      return ok;
    }
  }

  const Json& statistics() const { return sum_; }

 private:
  // The next part of the model.
  Status carry_on() {
    request_["prompt"] = text_;
    Json last;
    int64_t pieces = 0, first = 0;
    const Status status =
        model_.client->call("POST", "/api/generate", &request_, [&](const Json& object) {
          const auto piece = object.find("response");
          if (piece != object.end() && piece->is_string() && !piece->get<std::string>().empty()) {
            if (pieces++ == 0) first = now_ns();
            text_ += piece->get<std::string>();
            print_part(piece->get<std::string>());
          }
          if (object.contains("done_reason")) last = object;
        });
    if (!status && pieces > 0)  // nobody counted: a piece is about a token
      last = {{"eval_count", pieces}, {"eval_duration", now_ns() - first}};
    add_statistics(last, sum_);
    if (status && interactive_ && last.is_object() && last.value("done_reason", "") == "stop")
      add(reverse_prompt_);  // it ended the text and was left out
    return status;
  }

  // The next part of the user, unless there is none.
  LineEditor::End hear() {
    add(prefix_);
    std::string line;
    const LineEditor::End end = input_.read(line);
    if (end != LineEditor::End::enter) return end;
    text_ += line + "\n";
    add(suffix_);
    return end;
  }

  void add(const std::string& text) {
    text_ += text;
    print_part(text);
  }

  LlamaModel& model_;
  Json request_;
  std::string prefix_, suffix_, reverse_prompt_;
  const bool interactive_, user_first_;
  ChatInput input_;
  std::string text_;  // all so far
  Json sum_ = Json::object();
};

}  // namespace

Status complete_text(const Args& args, LlamaModel& model, const LlamaSettings& settings) {
  if (settings.prompt.empty() && !args.has("--interactive-first"))
    return Error{Errc::invalid_argument, "no prompt given: -p TEXT or -f FILE"};
  TextCompletion completion(args, model, settings);
  const Status status = completion.run(llama_switch(args, "--display-prompt", true));
  const bool stopped = !status && status.error().code == Errc::cancelled;
  if (!status && !stopped) return status;
  fmt::print(stderr, "\n{}", llama_perf_text(completion.statistics()));
  if (stopped) fmt::print(stderr, "Interrupted by user\n");
  return status;
}

}  // namespace engine::cli
