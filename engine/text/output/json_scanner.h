// JsonScanner: finds the end of a JSON object or array that arrives piece by piece.
#pragma once

#include <string_view>

namespace engine {

class JsonScanner {
 public:
  static constexpr size_t kOpen = static_cast<size_t>(-1);

  bool begun() const { return begun_; }
  // Looks at text from where the last call stopped; text is the same with more behind it.
  // The position behind the value, or kOpen. Requires: the value begins with a bracket at `start`
  // of the first call.
  size_t end_of(std::string_view text, size_t start = 0) {
    if (!begun_) at_ = start;
    begun_ = true;
    for (; at_ < text.size(); ++at_) {
      const char c = text[at_];
      if (escaped_) {
        escaped_ = false;
      } else if (in_string_) {
        if (c == '\\') escaped_ = true;
        if (c == '"') in_string_ = false;
      } else if (c == '"') {
        in_string_ = true;
      } else if (c == '{' || c == '[') {
        ++depth_;
      } else if ((c == '}' || c == ']') && --depth_ <= 0) {
        return at_ + 1;
      }
    }
    return kOpen;
  }

 private:
  size_t at_ = 0;
  long depth_ = 0;
  bool begun_ = false, in_string_ = false, escaped_ = false;
};

}  // namespace engine
