// Flags that change the model itself: metadata, positions, the chat template.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

#include "engine/run/overrides.h"
#include "engine/store/blobs.h"
#include "engine/text/chat_names.h"
#include "server/cli/llama/flag_table.h"
#include "server/cli/llama/settings.h"

namespace engine::cli {
namespace {

constexpr size_t kMostTemplateBytes = size_t{4} << 20;

enum class As : uint8_t { word, whole, number, inverse };  // inverse: 1 / number
// A flag that stands for a metadata key.
struct KeyFlag {
  const char* flag;
  std::string_view key;
  As as;
};
constexpr KeyFlag kKeyFlags[] = {
    {"--rope-scaling", "{arch}.rope.scaling.type", As::word},
    {"--rope-scale", "{arch}.rope.scaling.factor", As::number},
    {"--rope-freq-scale", "{arch}.rope.scaling.factor", As::inverse},
    {"--rope-freq-base", "{arch}.rope.freq_base", As::number},
    {"--yarn-orig-ctx", "{arch}.rope.scaling.original_context_length", As::whole},
    {"--yarn-ext-factor", kUserYarnExtent, As::number},
    {"--yarn-attn-factor", kUserYarnAttention, As::number},
    {"--yarn-beta-fast", kUserYarnBetaFast, As::number},
    {"--yarn-beta-slow", kUserYarnBetaSlow, As::number},
};
// 0 is "from the model" for these.
bool means_nothing(const KeyFlag& f, double value) {
  return f.key.starts_with("{arch}") ? value == 0 : value < 0;
}

Status add_key(const KeyFlag& f, const std::string& text, std::vector<gguf::Override>& out) {
  if (f.as == As::word) {
    if (text != "none" && text != "linear" && text != "yarn")
      return invalid_argument(fmt::format("{} {}: none, linear or yarn is needed", f.flag, text));
    out.push_back({std::string(f.key), text});
    return ok;
  }
  double value = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc() || end != text.data() + text.size() || !std::isfinite(value))
    return invalid_argument(fmt::format("{} {}: a number is needed", f.flag, text));
  if (means_nothing(f, value)) return ok;
  if (value < 0 || (f.as == As::whole && value != std::floor(value)))
    return invalid_argument(fmt::format("{} {}: out of range", f.flag, text));
  if (f.as == As::whole)
    out.push_back({std::string(f.key), static_cast<int64_t>(value)});
  else
    out.push_back({std::string(f.key), f.as == As::inverse ? 1 / value : value});
  return ok;
}

constexpr std::string_view kPoolings[] = {"none", "mean", "cls", "last", "rank"};  // by number

Status read_overrides(const Args& args, std::vector<gguf::Override>& out) {
  for (const KeyFlag& f : kKeyFlags)
    if (const std::string text = args.text(f.flag); !text.empty())
      ENGINE_TRY_STATUS(add_key(f, text, out));
  if (const std::string kind = args.text("--pooling"); !kind.empty()) {
    const auto* const found = std::find(std::begin(kPoolings), std::end(kPoolings), kind);
    if (found == std::end(kPoolings))
      return invalid_argument(
          fmt::format("--pooling {}: none, mean, cls, last or rank is needed", kind));
    out.push_back({"{arch}.pooling_type", int64_t{found - std::begin(kPoolings)}});
  }
  for (const std::string& list : args.all("--override-kv")) {
    ENGINE_TRY(given, parse_overrides(list));
    out.insert(out.end(), given.begin(), given.end());
  }
  return ok;
}

// A text in Jinja, or the name of a known one.
Result<std::string> template_text(const Args& args) {
  const std::string given = args.text("--chat-template"), path = args.text("--chat-template-file");
  if (given.empty() && path.empty()) return std::string();
  if (given.empty()) return read_file(path, kMostTemplateBytes);
  if (const std::string_view named = named_chat_template(given); !named.empty())
    return std::string(named);
  if (given.find('{') != std::string::npos) return given;
  return invalid_argument(
      fmt::format("--chat-template {}: neither a template nor a known name ({}); "
                  "--chat-template-file reads one from a file",
                  given, chat_template_names()));
}

Status read_variables(const Args& args, ModelChoice& choice) {
  const std::string text = args.text("--chat-template-kwargs");
  if (text.empty()) return ok;
  const auto parsed = parse_json(text);
  if (!parsed || !parsed->is_object())
    return invalid_argument(
        "--chat-template-kwargs: a JSON object is needed, such as "
        "{\"enable_thinking\":false}");
  choice.variables = text;
  return ok;
}

}  // namespace

Status read_choice_flags(const Args& args, ModelChoice& choice) {
  ENGINE_TRY_STATUS(read_overrides(args, choice.overrides));
  ENGINE_TRY_STATUS(read_variables(args, choice));
  ENGINE_TRY(text, template_text(args));
  if (text.empty()) return ok;
  auto parsed = ChatTemplate::parse(text);
  if (!parsed)
    return Error{parsed.error().code,
                 "the chat template cannot be used: " + parsed.error().message};
  choice.chat = std::make_shared<const ChatTemplate>(std::move(*parsed));
  return ok;
}

}  // namespace engine::cli
