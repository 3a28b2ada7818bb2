// ThinkingSplitter: tells the reasoning of a model, between an opening and a closing tag,
// from its answer, piece by piece.
#pragma once

#include <string>
#include <string_view>

namespace engine {

class ThinkingSplitter {
 public:
  struct Part {
    std::string thinking, content;
  };

  // inside: the prompt ended with the opening tag, so the text begins with reasoning.
  ThinkingSplitter(std::string open, std::string close, bool inside);

  Part push(std::string_view text);
  // The end: what was held back because it could have been a tag.
  // Without a closing tag everything stays thinking.
  Part finish();

 private:
  enum class State { before, inside, after_close, content };
  void step(Part& out, bool last);

  const std::string open_, close_;
  State state_;
  std::string held_;
  bool begun_ = false;  // some thinking was given out: white space in front of it is dropped
};

}  // namespace engine
