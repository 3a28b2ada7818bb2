// The split of reasoning and answer, and the line of the request log.
#include "server/answer_formatter.h"

#include <fmt/format.h>

namespace engine {

AnswerFormatter::AnswerFormatter(AnswerInfo info) : info_(std::move(info)) {
  if (info_.split_thinking) splitter_.emplace("<think>", "</think>", info_.starts_thinking);
}

void AnswerFormatter::write(const TokenEvent& event, std::string& out) {
  if (event.text.empty()) return;
  if (!splitter_) return take({{}, event.text}, out);
  take(splitter_->push(event.text), out);
}

void AnswerFormatter::done(const GenerateStats& stats, std::string& out) {
  if (splitter_) take(splitter_->finish(), out);
  end(all_, stats, out);
  const double seconds = static_cast<double>(stats.output_ns) / 1e9;
  note_ = fmt::format(
      "prompt {} ({} cached), output {}, {:.1f} tokens/s{}{}", stats.prompt_tokens,
      stats.cached_tokens, stats.output_tokens, seconds > 0 ? stats.output_tokens / seconds : 0.0,
      stats.proposed_tokens > 0 ? fmt::format(", accepted {} of {} proposed", stats.accepted_tokens,
                                              stats.proposed_tokens)
                                : "",
      info_.note);
}

void AnswerFormatter::take(const ThinkingSplitter::Part& part, std::string& out) {
  all_.thinking += part.thinking;
  all_.content += part.content;
  if (!info_.stream) return;
  if (!part.thinking.empty()) piece(PieceKind::thinking, part.thinking, out);
  if (!part.content.empty()) piece(PieceKind::content, part.content, out);
}

}  // namespace engine
