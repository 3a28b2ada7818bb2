// The only file that knows the regular expressions of the standard library, and their exceptions.
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <regex>

#include "engine/quantize/choose.h"

namespace engine::quant {

struct NamePatterns::Impl {
  std::vector<std::pair<std::regex, DType>> patterns;
};

NamePatterns::NamePatterns(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
NamePatterns::NamePatterns(NamePatterns&&) noexcept = default;
NamePatterns::~NamePatterns() = default;

Result<NamePatterns> NamePatterns::make(
    const std::vector<std::pair<std::string, DType>>& patterns) {
  auto impl = std::make_unique<Impl>();
  for (auto [text, type] : patterns) {
    std::ranges::transform(text, text.begin(), [](unsigned char c) { return std::tolower(c); });
    try {
      impl->patterns.emplace_back(std::regex(text), type);
    } catch (const std::regex_error& e) {
      return Error{Errc::invalid_argument,
                   fmt::format("'{}' is no regular expression: {}", text, e.what())};
    }
  }
  return NamePatterns(std::move(impl));
}

DType NamePatterns::find(const std::string& name) const {
  for (const auto& [pattern, type] : impl_->patterns) {
    try {
      if (std::regex_search(name, pattern)) return type;
    } catch (const std::regex_error&) {
      continue;  // too complex for this name: it does not match
    }
  }
  return DType::count_;
}

}  // namespace engine::quant
