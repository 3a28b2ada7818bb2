// What texts have in common at either end, cut only between tags, words and signs.
#pragma once

#include <string_view>

namespace engine {

// Bytes. `</a>\n<b>` and `</a>\n<c>` begin with `</a>\n`, not with `</a>\n<`.
size_t common_start(std::string_view a, std::string_view b);
size_t common_end(std::string_view a, std::string_view b);
// The tag that the text begins with, when nothing but tags and white space follows; else "".
std::string_view first_of_tags(std::string_view text);
// The last tag of the text, with nothing but white space behind it; else "".
std::string_view last_tag(std::string_view text);

}  // namespace engine
