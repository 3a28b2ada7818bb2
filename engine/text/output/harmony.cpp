// Tags are control tokens of the model; their texts reach this parser.
#include "engine/text/output/harmony.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "engine/text/output/blanks.h"
#include "engine/text/output/overlap.h"

namespace engine {
namespace {

constexpr std::string_view kStart = "<|start|>", kMessage = "<|message|>", kChannel = "<|channel|>",
                           kConstrain = "<|constrain|>";
constexpr std::string_view kEnds[] = {"<|end|>", "<|call|>", "<|return|>", "<|start|>"};
constexpr size_t kMaxHeader = 4096, kMaxBody = 1 << 20;

// The next word of s, which is taken off.
std::string_view next_word(std::string_view& s) {
  s.remove_prefix(leading_blanks(s));
  const std::string_view out = s.substr(0, std::min(s.find_first_of(kBlanks), s.size()));
  s.remove_prefix(out.size());
  return out;
}

}  // namespace

void HarmonyParser::push(std::string_view text, std::string& thinking, std::string& content,
                         ToolCalls& calls) {
  held_ += text;
  pushed_ += text.size();
  while (step(thinking, content, calls, false)) {
  }
}

void HarmonyParser::finish(std::string& thinking, std::string& content, ToolCalls& calls) {
  while (step(thinking, content, calls, true)) {
  }
  if (state_ == State::body && mode_ == Mode::call) end_call(content, calls);
}

void HarmonyParser::read_header(std::string_view header) {
  std::string channel, words;
  if (const size_t at = header.find(kChannel); at != header.npos) {
    std::string_view rest = header.substr(at + kChannel.size());
    rest =
        rest.substr(0, std::min({rest.find_first_of(kBlanks), rest.find(kConstrain), rest.size()}));
    channel = rest;
    words = std::string(header.substr(0, at)) + " " +
            std::string(header.substr(at + kChannel.size() + channel.size()));
  } else {
    words = header;
  }
  recipient_.clear();
  std::string_view rest = words;
  for (std::string_view word = next_word(rest); !word.empty(); word = next_word(rest)) {
    if (!word.starts_with("to=")) continue;
    word = word.substr(3, std::min(word.find(kConstrain), word.size()) - 3);
    if (word.starts_with("functions.")) word.remove_prefix(10);
    recipient_ = word;
    break;
  }
  if (channel == "analysis" || channel == "commentary")
    mode_ = !recipient_.empty()     ? Mode::call
            : channel == "analysis" ? Mode::thinking
                                    : Mode::content;
  else if (channel == "final")
    mode_ = Mode::content;
  else if (!recipient_.empty() && channel.empty())
    mode_ = Mode::call;
  // Any other channel: as before.
  if (mode_ == Mode::call && (!calls_ || recipient_.empty())) mode_ = Mode::content;
}

void HarmonyParser::end_call(std::string& content, ToolCalls& calls) {
  const Result<Json> arguments =
      trimmed(body_).empty() ? Result<Json>(Json::object()) : parse_whole_json(body_);
  if (!arguments || !add_call(names_.original(recipient_), *arguments, calls)) content += body_;
  body_.clear();
}

bool HarmonyParser::step(std::string& thinking, std::string& content, ToolCalls& calls, bool last) {
  if (state_ == State::between) {
    // Between messages there is nothing but the next one's start.
    const size_t at = held_.find(kStart);
    if (at == held_.npos) {
      held_.erase(0, held_.size() - overlap(held_, kStart));
      return false;
    }
    held_.erase(0, at + kStart.size());
    state_ = State::header;
    return true;
  }
  if (state_ == State::header) {
    const size_t at = held_.find(kMessage);
    if (at == held_.npos || at > kMaxHeader) {
      if (!last && held_.size() <= kMaxHeader + kMessage.size()) return false;
      if (last && at == held_.npos && held_.size() <= kMaxHeader + kMessage.size())
        held_.clear();  // a header without a message says nothing
      if (held_.empty()) return false;
      mode_ = Mode::content;
      state_ = State::body;
      return true;
    }
    read_header(std::string_view(held_).substr(0, at));
    held_.erase(0, at + kMessage.size());
    state_ = State::body;
    body_.clear();
    return true;
  }
  size_t at = held_.npos, size = 0, keep = 0;
  for (const std::string_view end : kEnds) {
    if (const size_t p = held_.find(end); p < at) {
      at = p;
      size = end == kStart ? 0 : end.size();  // a message may begin without the end of the last
    }
    keep = std::max(keep, overlap(held_, end));
  }
  const bool ended = at != held_.npos;
  const size_t take = ended ? at : held_.size() - (last ? 0 : keep);
  if (mode_ == Mode::call && body_.size() + take > kMaxBody) {
    content += body_;  // no arguments are that long
    body_.clear();
    mode_ = Mode::content;
  }
  std::string& to = mode_ == Mode::call ? body_ : mode_ == Mode::thinking ? thinking : content;
  to.append(held_, 0, take);
  if (mode_ == Mode::thinking && take > 0) {
    const size_t at = pushed_ - held_.size();
    if (thought_.empty() || thought_.back().end != at) thought_.push_back({at, at});
    thought_.back().end = at + take;
  }
  held_.erase(0, take + (ended ? size : 0));
  if (!ended) return false;
  if (mode_ == Mode::call) end_call(content, calls);
  state_ = State::between;
  return true;
}

}  // namespace engine
