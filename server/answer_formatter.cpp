// The parts of an answer, and the line of the request log.
#include "server/answer_formatter.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "server/random_id.h"

namespace engine {
namespace {

Json logprob_object(const TokenLogprob& p) {
  Json bytes = Json::array();
  for (const char c : p.bytes) bytes.push_back(static_cast<uint8_t>(c));
  Json out{{"token", p.bytes}, {"logprob", p.logprob}, {"bytes", std::move(bytes)}};
  if (p.top.empty()) return out;
  Json top = Json::array();
  for (const TokenLogprob& other : p.top) top.push_back(logprob_object(other));
  out["top_logprobs"] = std::move(top);
  return out;
}

}  // namespace

AnswerFormatter::AnswerFormatter(AnswerInfo info)
    : info_(std::move(info)), parser_(make_answer_parser(info_)) {}

void AnswerFormatter::write(const TokenEvent& event, std::string& out) {
  if (info_.logprobs)
    logprobs_.insert(logprobs_.end(), event.logprobs.begin(), event.logprobs.end());
  if (parser_ && event.token >= 0) begins_.push_back(bytes_);
  bytes_ += event.text.size();
  if (event.text.empty()) return;
  take(parser_ ? parser_->push(event.text) : AnswerPart{{}, event.text, {}}, out);
}

void AnswerFormatter::done(const GenerateStats& stats, std::string& out) {
  if (parser_) take(parser_->finish(), out);
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

int AnswerFormatter::thinking_tokens() const {
  if (!parser_) return 0;
  int count = 0;
  size_t i = 0;
  for (const ByteSpan& span : parser_->thought()) {
    const auto end_of = [&](size_t k) {
      const size_t end = k + 1 < begins_.size() ? begins_[k + 1] : bytes_;
      return std::max(end, begins_[k] + 1);  // a part of a character has no text yet
    };
    while (i < begins_.size() && end_of(i) <= span.begin) ++i;
    for (; i < begins_.size() && begins_[i] < span.end; ++i) ++count;
  }
  return count;
}

Json AnswerFormatter::take_logprobs() {
  Json out = Json::array();
  for (const TokenLogprob& p : logprobs_) out.push_back(logprob_object(p));
  logprobs_.clear();
  return out;
}

void AnswerFormatter::take(AnswerPart part, std::string& out) {
  all_.thinking += part.thinking;
  all_.content += part.content;
  if (info_.stream && !part.thinking.empty()) piece(PieceKind::thinking, part.thinking, out);
  if (info_.stream && !part.content.empty()) piece(PieceKind::content, part.content, out);
  for (ChatToolCall& next : part.calls) {
    if (!info_.parallel_calls && !all_.calls.empty()) break;
    next.id = random_call_id();
    all_.calls.push_back(std::move(next));
    if (info_.stream) call(all_.calls.back(), all_.calls.size() - 1, out);
  }
}

}  // namespace engine
