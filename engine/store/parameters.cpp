// Texts to values, by the types of options.inc and training_settings.inc.
#include "engine/store/parameters.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>

#include "engine/core/edit_distance.h"
#include "engine/core/options.h"

namespace engine {
namespace {

enum class Training : uint8_t { number, text, flag, file };

struct TrainingSetting {
  std::string_view name;
  Training type;
};

constexpr TrainingSetting kTraining[] = {
#define TRAINING(name, type) {#name, Training::type},
#include "engine/store/training_settings.inc"
};

const TrainingSetting* find_training(std::string_view name) {
  for (const TrainingSetting& s : kTraining)
    if (s.name == name) return &s;
  return nullptr;
}

const OptionInfo* find_option(std::string_view name) {
  for (const OptionInfo& o : option_list())
    if (o.name == name) return &o;
  return nullptr;
}

Error invalid(std::string_view type, std::string_view text) {
  return {Errc::invalid_argument, fmt::format("invalid {} value [{}]", type, text)};
}

// The whole text as a number; a sign + is fine.
template <class T>
std::optional<T> number(std::string_view text) {
  if (text.starts_with('+') && !text.starts_with("+-")) text.remove_prefix(1);
  T value{};
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

Result<bool> boolean(std::string_view text) {
  for (const std::string_view yes : {"1", "t", "T", "TRUE", "true", "True"})
    if (text == yes) return true;
  for (const std::string_view no : {"0", "f", "F", "FALSE", "false", "False"})
    if (text == no) return false;
  return invalid("bool", text);
}

// The decimal number that 32 bits of a float stand for, so that 0.7 stays 0.7.
Result<double> real(std::string_view text) {
  const auto value = number<float>(text);
  if (!value || !std::isfinite(*value)) return invalid("float", text);
  char digits[64];
  const auto r = std::to_chars(digits, digits + sizeof digits, *value);
  return *number<double>({digits, static_cast<size_t>(r.ptr - digits)});
}

}  // namespace

ParameterKind parameter_kind(std::string_view name) {
  if (find_option(name)) return ParameterKind::option;
  if (find_training(name)) return ParameterKind::training;
  return is_deprecated_option(name) ? ParameterKind::deprecated : ParameterKind::unknown;
}

Status add_parameter(std::string_view name, std::string_view text, Json& options) {
  const OptionInfo* option = find_option(name);
  ENGINE_CHECK(option != nullptr, "the caller asks for options only");
  Json& value = options[std::string(name)];
  if (option->type == "integer") {
    const auto n = number<int64_t>(text);
    if (!n) return invalid("int", text);
    value = *n;
  } else if (option->type == "float32") {
    ENGINE_TRY(n, real(text));
    value = n;
  } else if (option->type == "boolean") {
    ENGINE_TRY(b, boolean(text));
    value = b;
  } else if (option->type == "array") {
    value.push_back(std::string(text));
  } else {
    value = std::string(text);
  }
  return ok;
}

Result<std::string> training_value(std::string_view name, std::string_view text) {
  const TrainingSetting* setting = find_training(name);
  ENGINE_CHECK(setting != nullptr, "the caller asks for settings of training only");
  if (setting->type == Training::number) ENGINE_TRY_STATUS(real(text));
  if (setting->type == Training::flag) ENGINE_TRY_STATUS(boolean(text));
  if (setting->type != Training::file) return std::string(text);
  while (text.size() > 1 && (text.ends_with('/') || text.ends_with('\\'))) text.remove_suffix(1);
  return std::string(text.substr(text.find_last_of("/\\") + 1));
}

bool names_a_file(std::string_view name) {
  const TrainingSetting* setting = find_training(name);
  return setting != nullptr && setting->type == Training::file;
}

Error unknown_parameter(std::string_view name, int line) {
  std::string text = fmt::format("unknown parameter '{}'", name);
  if (line > 0) text += fmt::format(" (line {})", line);
  std::string_view best;
  size_t distance = std::max<size_t>(3, name.size() / 3);
  const auto look = [&](std::string_view known) {
    // long names of strangers are not worth the table
    const size_t d = name.size() > 64 ? distance : edit_distance(name, known);
    if (d > 0 && d < distance) best = known, distance = d;
  };
  for (const OptionInfo& o : option_list()) look(o.name);
  for (const TrainingSetting& s : kTraining) look(s.name);
  if (!best.empty()) text += fmt::format("\ndid you mean '{}'?", best);
  return {Errc::invalid_argument, text};
}

}  // namespace engine
