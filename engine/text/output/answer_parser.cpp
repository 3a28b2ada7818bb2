// A state machine over the text held back. White space in front of a tag and behind it belongs to
// the tag, up to a bound that keeps hostile text cheap.
#include "engine/text/output/answer_parser.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "engine/text/output/blanks.h"
#include "engine/text/output/overlap.h"

namespace engine {
namespace {

constexpr size_t kMaxBlanks = 1024;
constexpr size_t kMaxHead = 512;  // a name in front of arguments, with what surrounds it

// Length of the longest end of text that is a beginning of tag, but not all of it.
size_t trailing_blanks(std::string_view s) {
  size_t n = 0;
  while (n < s.size() && n < kMaxBlanks && kBlanks.find(s[s.size() - 1 - n]) != kBlanks.npos) ++n;
  return n;
}

// The end of text that may turn out to be a tag or the white space in front of one.
template <class Tags>
size_t undecided(std::string_view text, const Tags& tags) {
  if (tags.empty()) return 0;
  size_t part = 0;
  for (const auto& tag : tags) part = std::max(part, overlap(text, tag.text));
  return part + trailing_blanks(text.substr(0, text.size() - part));
}

// The earliest tag in text, the longest where two begin together; its index, or tags.size().
template <class Tags>
size_t first_tag(std::string_view text, const Tags& tags, size_t& at) {
  size_t best = tags.size();
  at = text.npos;
  for (size_t i = 0; i < tags.size(); ++i) {
    const size_t p =
        text.substr(0, at == text.npos ? at : at + tags[i].text.size()).find(tags[i].text);
    if (p == text.npos || p > at) continue;
    if (p == at && tags[i].text.size() <= tags[best].text.size()) continue;
    at = p;
    best = i;
  }
  return best;
}

bool is_partial(std::string_view text, std::string_view tag) {
  return text.size() < tag.size() && tag.starts_with(text);
}

}  // namespace

AnswerParser::AnswerParser(const AnswerRules& rules)
    : format_(*rules.format),
      tools_(rules.tools),
      thinks_(rules.thinking),
      think_(rules.think.empty() ? std::string(format_.think) : rules.think),
      think_end_(rules.think_end.empty() ? std::string(format_.think_end) : rules.think_end),
      generic_tag_(rules.call_tag) {
  if (format_.body == CallBody::harmony) {
    harmony_ = std::make_unique<HarmonyParser>(!tools_.empty(), rules.tools.get());
    return;
  }
  if (!tools_.empty()) {
    const bool json_tag = generic_tag_ == "{" || generic_tag_ == "[";
    const std::string_view open = generic_tag_.empty() || json_tag ? format_.open : generic_tag_;
    const std::string_view first = format_.section.empty() ? open : format_.section;
    const TagKind kind = format_.section.empty() ? TagKind::call : TagKind::section;
    for (const std::string_view tag : split_tags(first))
      content_tags_.push_back({std::string(tag), kind});
    for (const std::string_view tag : split_tags(format_.dropped))
      content_tags_.push_back({std::string(tag), TagKind::dropped});
    only_json_ = json_tag || (generic_tag_.empty() && format_.plain_json);
    if (json_tag) generic_tag_.clear();
  }
  // The prompt ends with the opening tag of a message.
  if (!format_.content_name.empty()) {
    begin_call();
    return;
  }
  if (!thinks_) return;
  thinking_tags_.push_back({think_end_, TagKind::think_end});
  if (format_.call_ends_thinking)
    for (const Tag& tag : content_tags_)
      if (tag.kind != TagKind::dropped) thinking_tags_.push_back(tag);
  if (format_.think_anywhere) content_tags_.push_back({think_, TagKind::think});
  state_ = rules.starts_thinking ? State::thinking : State::before;
}

AnswerPart AnswerParser::push(std::string_view text) {
  AnswerPart out;
  if (harmony_) {
    harmony_->push(text, out.thinking, out.content, out.calls);
    return out;
  }
  held_ += text;
  pushed_ += text.size();
  while (step(out, false)) {
  }
  return out;
}

AnswerPart AnswerParser::finish() {
  AnswerPart out;
  if (harmony_) {
    harmony_->finish(out.thinking, out.content, out.calls);
    return out;
  }
  while (step(out, true)) {
  }
  return out;
}

bool AnswerParser::step(AnswerPart& out, bool last) {
  switch (state_) {
    case State::before:
      return look_for_thinking(last);
    case State::thinking:
      return thinking(out, last);
    case State::content:
      return content(out, last);
    case State::section:
      return section(out, last);
    case State::call:
      return call(out, last);
    case State::after_call:
      return after_call(last);
  }
  return false;
}

// Only at the beginning of the answer.
bool AnswerParser::look_for_thinking(bool last) {
  const size_t blanks = leading_blanks(held_);
  const std::string_view text = std::string_view(held_).substr(blanks);
  if (blanks <= kMaxBlanks && text.starts_with(think_)) {
    held_.erase(0, blanks + think_.size());
    state_ = State::thinking;
    return true;
  }
  if (!last && blanks <= kMaxBlanks && is_partial(text, think_)) return false;
  state_ = State::content;
  return true;
}

bool AnswerParser::thinking(AnswerPart& out, bool last) {
  if (!begun_) {
    held_.erase(0, leading_blanks(held_));
    // Some models repeat the tag that the prompt ended with.
    if (held_.starts_with(think_)) {
      held_.erase(0, think_.size());
      return true;
    }
    if (!last && is_partial(held_, think_)) return false;
  }
  size_t at = 0;
  const size_t tag = first_tag(held_, thinking_tags_, at);
  const bool found = tag < thinking_tags_.size();
  const size_t end = found ? at - trailing_blanks(std::string_view(held_).substr(0, at))
                           : held_.size() - (last ? 0 : undecided(held_, thinking_tags_));
  out.thinking.append(held_, 0, end);
  if (!begun_ && end > 0) thought_.push_back({offset(), offset()});
  begun_ = begun_ || end > 0;
  // White space in front of the closing tag was thought too.
  if (begun_) thought_.back().end = offset() + (found ? at : end);
  if (!found) {
    held_.erase(0, end);
    return false;
  }
  const bool closes = thinking_tags_[tag].kind == TagKind::think_end;
  held_.erase(0, closes ? at + think_end_.size() : at);
  skip_blanks_ = true;
  state_ = State::content;
  return true;
}

bool AnswerParser::content(AnswerPart& out, bool last) {
  if (skip_blanks_) {
    held_.erase(0, leading_blanks(held_));
    if (held_.empty()) return false;
    skip_blanks_ = false;
  }
  if (only_json_) {
    const size_t blanks = leading_blanks(held_);
    if (blanks > kMaxBlanks) only_json_ = false;
    if (only_json_ && blanks == held_.size() && !last) return false;
    if (only_json_ && blanks < held_.size() && (held_[blanks] == '{' || held_[blanks] == '[')) {
      raw_ += held_.substr(0, blanks);
      held_.erase(0, blanks);
      begin_call();
      return true;
    }
  }
  size_t at = 0;
  const size_t tag = first_tag(held_, content_tags_, at);
  if (tag == content_tags_.size()) {
    give(out, held_.size() - (last ? 0 : undecided(held_, content_tags_)));
    return false;
  }
  const size_t blanks = trailing_blanks(std::string_view(held_).substr(0, at));
  give(out, at - blanks);
  const size_t size = content_tags_[tag].text.size();
  raw_ += held_.substr(0, blanks + size);
  held_.erase(0, blanks + size);
  switch (content_tags_[tag].kind) {
    case TagKind::section:
      state_ = State::section;
      break;
    case TagKind::call:
      begin_call();
      break;
    case TagKind::think:
      state_ = State::thinking;
      begun_ = false;
      [[fallthrough]];
    case TagKind::think_end:
    case TagKind::dropped:
      raw_.clear();
      break;
  }
  return true;
}

// Between the calls of a section.
bool AnswerParser::section(AnswerPart& out, bool last) {
  const size_t blanks = leading_blanks(held_);
  if (!raw_.empty()) raw_ += held_.substr(0, blanks);
  held_.erase(0, blanks);
  if (raw_.size() > kMaxCall) {
    give_up(out, 0);
    return true;
  }
  if (!format_.section_end.empty() && held_.starts_with(format_.section_end)) {
    held_.erase(0, format_.section_end.size());
    raw_.clear();
    skip_blanks_ = true;
    state_ = State::content;
    return true;
  }
  if (format_.open.empty() ? held_.starts_with('{') : held_.starts_with(format_.open)) {
    raw_ += format_.open;
    held_.erase(0, format_.open.size());
    begin_call();
    return true;
  }
  const bool may_come = is_partial(held_, format_.open) || is_partial(held_, format_.section_end);
  if (may_come && !last) return false;
  give_up(out, 0);
  return true;
}

void AnswerParser::begin_call() {
  state_ = State::call;
  scanner_ = JsonScanner();
  searched_ = value_ = 0;
  to_end_ = false;
  addressed_ = format_.content_name.empty();
}

// Whether what begins is a message to a tool; a message to the reader is content.
bool AnswerParser::address(bool last) {
  if (pushed_ == held_.size() && held_.starts_with(format_.open)) {
    held_.erase(0, format_.open.size());  // once more
    return true;
  }
  const std::string reader = std::string(format_.content_name) + "\n";
  const bool may_come =
      (pushed_ == held_.size() && is_partial(held_, format_.open)) || is_partial(held_, reader);
  if (may_come && !last) return false;
  addressed_ = true;
  if (held_.starts_with(reader)) {
    held_.erase(0, reader.size());
    raw_.clear();
    state_ = State::content;
  } else if (tools_.empty()) {
    state_ = State::content;
  }
  return true;
}

bool AnswerParser::call(AnswerPart& out, bool last) {
  if (!addressed_) return address(last);
  if (to_end_) return call_until_tag(out, last, {});
  switch (format_.body) {
    case CallBody::json:
    case CallBody::name_json:
    case CallBody::generic:
      return call_of_json(out, last);
    default:
      return call_until_tag(out, last, format_.close);
  }
}

// close empty: the call ends with the answer.
bool AnswerParser::call_until_tag(AnswerPart& out, bool last, std::string_view close) {
  const std::string_view text = std::string_view(held_).substr(0, kMaxCall);
  const size_t at = close.empty() ? text.npos : text.find(close, searched_);
  if (at != text.npos) {
    take_call(out, at, at + close.size());
  } else if (held_.size() >= kMaxCall) {
    give_up(out, kMaxCall);
  } else if (last) {
    take_call(out, held_.size(), held_.size());
  } else {
    searched_ = held_.size() - std::min(held_.size(), close.empty() ? 0 : close.size() - 1);
    return false;
  }
  return true;
}

// Where the JSON of a call begins: at once, or behind a name. false: not here yet, or not at all.
bool AnswerParser::find_value(AnswerPart& out, bool last, bool& again) {
  const bool tagged = !generic_tag_.empty();
  const bool at_once = format_.body != CallBody::name_json && !tagged;
  const size_t limit = tagged ? kMaxCall : kMaxHead;
  const std::string_view text = std::string_view(held_).substr(0, limit);
  const size_t blanks = leading_blanks(text);
  size_t value = text.find('{', searched_);
  if (at_once) {
    const bool json = blanks < text.size() && (text[blanks] == '{' || text[blanks] == '[');
    value = json ? blanks : text.npos;
  }
  const size_t close = at_once || format_.close.empty() ? text.npos : text.find(format_.close);
  again = true;
  if (close < value) {
    take_call(out, close, close + format_.close.size());  // without arguments
  } else if (value != text.npos) {
    value_ = value;
    return true;
  } else if (at_once && blanks < text.size()) {
    // Text where JSON should be; Llama calls its built-in tools so.
    to_end_ = format_.body == CallBody::generic;
    if (!to_end_) give_up(out, 0);
  } else if (held_.size() >= limit) {
    give_up(out, tagged ? limit : 0);
  } else if (last && !(held_.empty() && raw_.empty())) {
    take_call(out, held_.size(), held_.size());
  } else {
    searched_ = held_.size();
    again = false;
  }
  return false;
}

bool AnswerParser::call_of_json(AnswerPart& out, bool last) {
  bool again = false;
  if (!scanner_.begun() && !find_value(out, last, again)) return again;
  const size_t end = scanner_.end_of(std::string_view(held_).substr(0, kMaxCall), value_);
  if (end != JsonScanner::kOpen) {
    take_call(out, end, end);
  } else if (last || held_.size() >= kMaxCall) {
    give_up(out, std::min(held_.size(), kMaxCall));
  } else {
    return false;
  }
  return true;
}

// The first `body` bytes of held_ are a call, or they are content up to `end`.
void AnswerParser::take_call(AnswerPart& out, size_t body, size_t end) {
  if (read_calls(format_, std::string_view(held_).substr(0, body), tools_, out.calls)) {
    raw_.clear();
    found_ = true;
    held_.erase(0, body);
    state_ = State::after_call;
  } else if (!generic_tag_.empty() && end > 0 && raw_.size() + end <= kMaxCall) {
    raw_ += held_.substr(0, end);  // something else that follows may still be the call
    held_.erase(0, end);
    begin_call();
  } else {
    give_up(out, end);
  }
}

bool AnswerParser::after_call(bool last) {
  // DeepSeek puts the arguments between fences.
  const std::string_view filler = format_.separator.empty() ? " \t\r\n" : " \t\r\n`";
  const size_t skip = std::min(held_.find_first_not_of(filler), held_.size());
  const std::string_view rest = std::string_view(held_).substr(skip);
  const std::string_view close = format_.close;
  if (!close.empty() && skip <= kMaxBlanks) {
    if (rest.starts_with(close)) {
      held_.erase(0, skip + close.size());
    } else if (!last && is_partial(rest, close)) {
      return false;
    }
  }
  if (!generic_tag_.empty()) {
    begin_call();  // what follows is another call, or nothing
    return true;
  }
  skip_blanks_ = true;
  state_ = format_.section.empty() ? State::content : State::section;
  return true;
}

void AnswerParser::give(AnswerPart& out, size_t bytes) {
  if (leading_blanks(std::string_view(held_).substr(0, bytes)) < bytes) only_json_ = false;
  out.content.append(held_, 0, bytes);
  held_.erase(0, bytes);
}

// What was taken for a call, its tags and `bytes` of held_, is content; the rest may have tags.
void AnswerParser::give_up(AnswerPart& out, size_t bytes) {
  if (found_ && !generic_tag_.empty()) {
    raw_.clear();  // behind a call with a generic tag there is no content
    held_.erase(0, bytes);
    begin_call();
    return;
  }
  out.content += raw_;
  raw_.clear();
  only_json_ = false;
  state_ = State::content;
  give(out, bytes);
}

}  // namespace engine
