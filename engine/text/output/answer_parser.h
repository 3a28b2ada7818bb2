// AnswerParser: splits the text of an answer, piece by piece, into content, reasoning and calls of
// tools. However the text is cut into pieces, the sum of the parts is the same.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/text/output/answer_format.h"
#include "engine/text/output/call_reader.h"
#include "engine/text/output/harmony.h"
#include "engine/text/output/json_scanner.h"

namespace engine {

// What is looked for in an answer.
struct AnswerRules {
  const AnswerFormat* format = &answer_formats().back();
  std::shared_ptr<const Json> tools;  // of the request; null or empty: calls are plain text
  bool thinking = false;              // reasoning is told apart
  bool starts_thinking = false;       // the prompt ended with the opening tag
  // In place of those of the format; empty: the format's.
  std::string call_tag, think, think_end;
};

struct AnswerPart {
  std::string thinking, content;
  ToolCalls calls;  // whole calls; without ids

  bool empty() const { return thinking.empty() && content.empty() && calls.empty(); }
};

// Holds at most kMaxCall bytes of a call whose end does not come; then it is content.
class AnswerParser {
 public:
  static constexpr size_t kMaxCall = 1 << 20;

  explicit AnswerParser(const AnswerRules& rules);
  AnswerParser(const AnswerParser&) = delete;
  AnswerParser& operator=(const AnswerParser&) = delete;

  AnswerPart push(std::string_view text);
  // The end: a call without its end is tried once, else what was held back is content.
  AnswerPart finish();

  // Where the reasoning lay in what was pushed so far, tags left out; complete after finish().
  const std::vector<ByteSpan>& thought() const { return harmony_ ? harmony_->thought() : thought_; }

 private:
  enum class State : uint8_t { before, thinking, content, section, call, after_call };
  enum class TagKind : uint8_t { section, call, think, think_end, dropped };
  struct Tag {
    std::string text;
    TagKind kind;
  };

  // Each is one move of the machine. false: more text is needed.
  bool step(AnswerPart& out, bool last);
  bool look_for_thinking(bool last);
  bool thinking(AnswerPart& out, bool last);
  bool content(AnswerPart& out, bool last);
  bool section(AnswerPart& out, bool last);
  bool address(bool last);
  bool call(AnswerPart& out, bool last);
  bool call_until_tag(AnswerPart& out, bool last, std::string_view close);
  bool find_value(AnswerPart& out, bool last, bool& again);
  bool call_of_json(AnswerPart& out, bool last);
  bool after_call(bool last);

  // Of all text, where held_ begins.
  size_t offset() const { return pushed_ - held_.size(); }
  void begin_call();
  void give(AnswerPart& out, size_t bytes);  // of held_, as content
  void give_up(AnswerPart& out, size_t bytes);
  void take_call(AnswerPart& out, size_t body, size_t end);

  const AnswerFormat format_;
  const ToolSet tools_;
  const bool thinks_;
  std::string think_, think_end_, generic_tag_;
  std::vector<Tag> content_tags_, thinking_tags_;
  std::unique_ptr<HarmonyParser> harmony_;

  State state_ = State::content;
  std::string held_;          // text that is not decided yet
  std::string raw_;           // the tags in front of it, should it be no call
  size_t searched_ = 0;       // of held_, inside a call: no end begins in front of it
  JsonScanner scanner_;       // of the value that begins in held_
  size_t value_ = 0;          // where that is
  bool skip_blanks_ = false;  // white space behind a tag
  bool only_json_ = false;    // nothing but calls so far: plain JSON may be one
  bool begun_ = false;        // some reasoning was given out
  bool addressed_ = true;     // who the call is for has been looked at
  bool to_end_ = false;       // the call has no end but that of the answer
  bool found_ = false;        // a call with a generic tag
  size_t pushed_ = 0;         // bytes
  std::vector<ByteSpan> thought_;
};

}  // namespace engine
