// The files of bench/shapes as they were when the program was built.
#pragma once

#include <span>
#include <string_view>

namespace engine {

struct ShapeText {
  std::string_view name, text;
};
std::span<const ShapeText> shape_texts();

}  // namespace engine
