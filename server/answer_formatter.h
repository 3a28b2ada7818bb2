// AnswerFormatter: what the formatters of all APIs have in common. It tells reasoning, the
// answer and calls of tools apart and puts the whole answer together; how that is worded is up to the API.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "server/answer.h"

namespace engine {

enum class PieceKind : uint8_t { thinking, content };

struct AnswerText {
  std::string thinking, content;
  ToolCalls calls;  // with ids
};

class AnswerFormatter : public Formatter {
 public:
  explicit AnswerFormatter(AnswerInfo info);

  bool single() const override { return !info_.stream; }
  void write(const TokenEvent& event, std::string& out) override;
  void done(const GenerateStats& stats, std::string& out) override;
  std::string note() const override { return note_; }

 protected:
  // The next text of a stream, never empty. Reasoning and answer never share a piece: clients show
  // them in different places.
  virtual void piece(PieceKind kind, const std::string& text, std::string& out) = 0;
  // The next call of a stream, whole. index: how many were in front of it.
  virtual void call(const ChatToolCall& call, size_t index, std::string& out) = 0;
  // The end of a stream, or the single reply. all: the whole answer.
  virtual void end(const AnswerText& all, const GenerateStats& stats, std::string& out) = 0;

  // Those of the tokens since the last call, for the object that is being written.
  // Empty when there are none or none were asked for.
  Json take_logprobs();
  // How many tokens had a part in the reasoning. For end().
  int thinking_tokens() const;

  const AnswerInfo info_;

 private:
  void take(AnswerPart part, std::string& out);

  const std::unique_ptr<AnswerParser> parser_;  // nullptr: all is content
  AnswerText all_;
  std::vector<TokenLogprob> logprobs_;
  // Of every token, where its text begins in the answer; only with a parser.
  std::vector<size_t> begins_;
  size_t bytes_ = 0;
  std::string note_;
};

}  // namespace engine
