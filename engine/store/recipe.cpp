// Commands to a recipe.
#include "engine/store/recipe.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "engine/store/name.h"
#include "engine/store/parameters.h"

namespace engine {
namespace {

constexpr size_t kLongestDescription = 4096;

Error error_at(int line, const std::string& text) {
  return {Errc::invalid_argument, fmt::format("(line {}): {}", line, text)};
}

// Identifiers between dots, none empty.
bool identifiers(std::string_view s) {
  while (true) {
    const size_t dot = std::min(s.find('.'), s.size());
    const std::string_view part = s.substr(0, dot);
    const auto plain = [](char c) {
      return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-';
    };
    if (part.empty() || !std::all_of(part.begin(), part.end(), plain)) return false;
    if (dot == s.size()) return true;
    s.remove_prefix(dot + 1);
  }
}

bool whole_number(std::string_view s) {
  const bool digits =
      !s.empty() && std::all_of(s.begin(), s.end(), [](char c) { return c >= '0' && c <= '9'; });
  return digits && (s.size() == 1 || s[0] != '0');
}

class Cook {
 public:
  explicit Cook(const RecipeRules& rules) : rules_(rules) {
    recipe_.parameters = Json::object();
    recipe_.training = Json::object();
    recipe_.messages = Json::array();
  }

  Status take(const ModelfileCommand& c) {
    switch (c.keyword) {
      case Keyword::from_:
        recipe_.from.push_back({c.value, c.line});
        return ok;
      case Keyword::adapter_:
        recipe_.adapter = {c.value, c.line};
        return ok;
      case Keyword::draft_:
        recipe_.drafts.push_back({c.value, c.line});
        return ok;
      case Keyword::template_:
        recipe_.template_text = c.value;
        return ok;
      case Keyword::system_:
        recipe_.system = c.value;
        return ok;
      case Keyword::renderer_:
        recipe_.renderer = c.value;
        return ok;
      case Keyword::parser_:
        recipe_.parser = c.value;
        return ok;
      case Keyword::requires_: {
        ENGINE_TRY(version, parse_requires(c.value));
        recipe_.requires_version = std::move(version);
        return ok;
      }
      case Keyword::parameter_:
        return parameter(c);
      case Keyword::license_:
        recipe_.licenses.push_back(c.value);
        return ok;
      case Keyword::message_:
        recipe_.messages.push_back({{"role", c.key}, {"content", c.value}});
        return ok;
      case Keyword::name_:
        return name(c);
      case Keyword::description_:
        return description(c);
    }
    return ok;
  }

  Recipe finish() {
    std::vector<std::pair<std::string, Json>> sorted;
    for (const auto& [key, value] : recipe_.training.items()) sorted.emplace_back(key, value);
    std::sort(sorted.begin(), sorted.end(),
              [](const auto& a, const auto& b) { return a.first < b.first; });
    recipe_.training = Json::object();
    for (auto& [key, value] : sorted) recipe_.training[key] = std::move(value);
    return std::move(recipe_);
  }

 private:
  void warn(int line, const std::string& text) {
    recipe_.warnings.push_back(fmt::format("line {}: {}", line, text));
  }

  Status parameter(const ModelfileCommand& c) {
    switch (parameter_kind(c.key)) {
      case ParameterKind::option:
        return add_parameter(c.key, c.value, recipe_.parameters);
      case ParameterKind::deprecated:
        recipe_.warnings.push_back(fmt::format("parameter {} is deprecated", c.key));
        return ok;
      case ParameterKind::training:
        if (!rules_.strict) return training(c);
        break;
      case ParameterKind::unknown:
        break;
    }
    return unknown_parameter(c.key, c.line);
  }

  Status training(const ModelfileCommand& c) {
    const Result<std::string> value = training_value(c.key, c.value);
    if (!value) return error_at(c.line, value.error().message);
    recipe_.training[c.key] = *value;
    std::string text = fmt::format(
        "parameter {} is a training setting; this engine does not train. Recorded, without effect",
        c.key);
    std::error_code ec;
    const std::filesystem::path path = std::filesystem::path(rules_.folder) / c.value;
    if (names_a_file(c.key) && !std::filesystem::exists(path, ec))
      text += fmt::format(" ({} does not exist)", c.value);
    warn(c.line, text);
    return ok;
  }

  Status name(const ModelfileCommand& c) {
    if (rules_.strict) return unknown_instruction(c.line);
    if (!parse_user_name(c.value))
      return error_at(c.line, "invalid model name in NAME: " + c.value);
    if (recipe_.name) warn(c.line, "NAME is given again; this one counts");
    recipe_.name = {c.value, c.line};
    return ok;
  }

  Status description(const ModelfileCommand& c) {
    if (rules_.strict) return unknown_instruction(c.line);
    if (c.value.size() > kLongestDescription)
      return error_at(c.line, "DESCRIPTION is longer than 4096 bytes");
    if (recipe_.description) warn(c.line, "DESCRIPTION is given again; this one counts");
    recipe_.description = c.value;
    return ok;
  }

  const RecipeRules& rules_;
  Recipe recipe_;
};

}  // namespace

Result<Recipe> read_recipe(const Modelfile& file, const RecipeRules& rules) {
  Cook cook(rules);
  for (const ModelfileCommand& c : file.commands) ENGINE_TRY_STATUS(cook.take(c));
  return cook.finish();
}

std::string training_summary(const Recipe& recipe, const std::string& name,
                             const std::string& base) {
  const size_t n = recipe.training.size();
  if (n == 0) return {};
  return fmt::format("{} answers exactly like {} ({} training setting{} recorded, none applied)",
                     name, base, n, n == 1 ? "" : "s");
}

Result<std::string> parse_requires(std::string_view text) {
  const Error invalid{Errc::invalid_argument, "requires must be a valid semver (e.g. 0.14.0)"};
  if (text.starts_with('v')) text.remove_prefix(1);
  const std::string whole(text);
  bool has_suffix = false;
  if (const size_t plus = text.find('+'); plus != text.npos) {
    if (!identifiers(text.substr(plus + 1))) return invalid;
    text = text.substr(0, plus), has_suffix = true;
  }
  if (const size_t minus = text.find('-'); minus != text.npos) {
    if (!identifiers(text.substr(minus + 1))) return invalid;
    text = text.substr(0, minus), has_suffix = true;
  }
  int numbers = 0;
  while (true) {
    const size_t dot = std::min(text.find('.'), text.size());
    if (!whole_number(text.substr(0, dot)) || ++numbers > 3) return invalid;
    if (dot == text.size()) break;
    text.remove_prefix(dot + 1);
  }
  if (has_suffix && numbers < 3) return invalid;
  return whole;
}

}  // namespace engine
