// Whole characters out of token pieces: bytes go in as they come, valid UTF-8 comes out.
// Bytes of a character that may still be completed are held back;
// bytes that can never become valid turn into U+FFFD at once.
#pragma once

#include <string>
#include <string_view>

namespace engine {

class Utf8Stream {
 public:
  // Appends to `out` what is complete after `bytes`.
  void push(std::string_view bytes, std::string& out);
  // The end of the stream: an incomplete character becomes one U+FFFD.
  void finish(std::string& out);

  size_t held_bytes() const { return held_.size(); }  // 0 to 3

 private:
  std::string held_;
};

}  // namespace engine
