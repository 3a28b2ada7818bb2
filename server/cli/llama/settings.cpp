#include "server/cli/llama/settings.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

#include "engine/core/log_file.h"
#include "engine/core/options.h"
#include "engine/run/cache_type.h"
#include "engine/store/blobs.h"
#include "engine/store/model_store.h"
#include "server/cli/llama/flag_table.h"

namespace engine::cli {
namespace {

constexpr size_t kMostBytes = size_t{64} << 20;

Result<double> number_of(std::string_view flag, const std::string& text) {
  double value = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code == std::errc() && end == text.data() + text.size() && std::isfinite(value)) return value;
  return invalid_argument(fmt::format("{} {}: a number is needed", flag, text));
}

Result<Json> option_of(const LlamaFlag& flag, const std::string& text) {
  ENGINE_TRY(value, number_of(flag.key(), text));
  for (const OptionInfo& o : option_list()) {
    if (o.name != flag.option || o.type != "integer") continue;
    if (value != std::floor(value) || std::fabs(value) > 9e15)
      return invalid_argument(fmt::format("{} {}: a whole number is needed", flag.key(), text));
    return Json(static_cast<int64_t>(value));
  }
  return Json(value);
}

// The samplers: what was given, and the defaults of these programs.
Result<Json> options_of(const Args& args, bool defaults) {
  Json out = Json::object();
  for (const LlamaFlag& flag : kLlamaFlags) {
    if (flag.option.empty()) continue;
    const std::vector<std::string> given = args.all(flag.key());
    const std::string name(flag.option);
    if (name == "dry_sequence_breakers") {
      if (given.empty()) continue;
      Json list = Json::array();
      for (const std::string& text : given)
        if (text != "none") list.push_back(unescape_text(text));
      out[name] = std::move(list);
    } else if (name == "samplers") {
      if (given.empty()) continue;
      Json list = Json::array();
      const std::string& text = given.back();
      for (size_t at = 0, end = 0; at <= text.size(); at = end + 1) {
        end = std::min(text.find(';', at), text.size());
        if (end > at) list.push_back(text.substr(at, end - at));
      }
      out[name] = std::move(list);
    } else if (!given.empty() || (defaults && !flag.fallback.empty())) {
      ENGINE_TRY(value, option_of(flag, given.empty() ? std::string(flag.fallback) : given.back()));
      out[name] = std::move(value);
    }
  }
  // "all of the context" is a number of its own there
  if (out.contains("dry_penalty_last_n") && out["dry_penalty_last_n"] == -1)
    out["dry_penalty_last_n"] = INT32_MAX;
  Options checked;
  ENGINE_TRY_STATUS(apply_options(out, checked));
  ENGINE_TRY_STATUS(check_options(checked));
  return out;
}

// "15043+1", "15043-1.5", "15043-inf".
Result<Json> bias_of(const std::vector<std::string>& given) {
  Json out = Json::object();
  for (const std::string& text : given) {
    const size_t sign = text.find_first_of("+-");
    const bool id =
        sign != std::string::npos && sign > 0 && text.find_first_not_of("0123456789") == sign;
    if (!id)
      return invalid_argument(fmt::format("--logit-bias {}: ID+VALUE or ID-VALUE is needed", text));
    const std::string amount = text.substr(sign + 1);
    double value = 100;
    if (amount != "inf") {
      ENGINE_TRY(number, number_of("--logit-bias", amount));
      value = std::min(std::fabs(number), 100.0);
    }
    out[text.substr(0, sign)] = text[sign] == '-' ? -value : value;
  }
  return out;
}

Result<std::string> text_given(const Args& args, const char* text_flag, const char* file_flag) {
  if (!args.text(text_flag).empty()) {
    const std::string text = args.text(text_flag);
    return llama_switch(args, "--escape", true) ? unescape_text(text) : text;
  }
  const std::string path = args.text(file_flag);
  if (path.empty()) return std::string();
  ENGINE_TRY(text, read_file(path, kMostBytes));
  if (text.ends_with('\n')) text.pop_back();
  return std::move(text);
}

Status read_format(const Args& args, AskSettings& ask) {
  ENGINE_TRY(grammar, text_given(args, "--grammar", "--grammar-file"));
  // a grammar has escapes of its own
  if (!args.text("--grammar").empty()) grammar = args.text("--grammar");
  std::string schema = args.text("--json-schema");
  if (const std::string path = args.text("--json-schema-file"); schema.empty() && !path.empty()) {
    ENGINE_TRY(read, read_file(path, kMostBytes));
    schema = std::move(read);
  }
  if (!grammar.empty() && !schema.empty())
    return invalid_argument("a grammar and a JSON schema cannot be used together");
  if (!grammar.empty()) ask.options["grammar"] = grammar;
  if (schema.empty()) return ok;
  ENGINE_TRY(parsed, parse_json(schema));
  if (!parsed.is_object()) return invalid_argument("--json-schema: an object is needed");
  ask.format = parsed.empty() ? Json("json") : parsed;
  return ok;
}

Status read_thinking(const Args& args, LlamaSettings& out) {
  const std::string reasoning = args.text("--reasoning", "auto");
  if (reasoning != "auto") {
    ENGINE_TRY(on, llama_bool("--reasoning", reasoning));
    out.ask.think = on;
  }
  if (const std::string effort = args.text("--reasoning-effort"); !effort.empty())
    out.ask.think = effort;
  if (args.text("--reasoning-budget") == "0") out.ask.think = false;
  out.think_given = !out.ask.think.is_null();
  if (out.think_given || out.load.choice.variables.empty()) return ok;
  ENGINE_TRY(variables, parse_json(out.load.choice.variables));
  if (const auto it = variables.find("enable_thinking"); it != variables.end() && it->is_boolean())
    out.ask.think = *it, out.think_given = true;
  return ok;
}

}  // namespace

bool llama_switch(const Args& args, const char* key, bool fallback) {
  return args.values.contains(key) ? args.has(key) : fallback;
}

Result<LoadChoice> llama_load_choice(const Args& args) {
  LoadChoice out;
  const std::string mode = args.text("--load-mode", "auto");
  if (mode != "auto" && mode != "mmap" && mode != "none" && mode != "mlock" && mode != "mmap+mlock")
    return invalid_argument(
        fmt::format("--load-mode {}: not available (auto, mmap, none, mlock)", mode));
  out.map = mode != "none" && llama_switch(args, "--mmap", true);
  out.lock = mode.ends_with("mlock") || args.has("--mlock");
  out.repack = llama_switch(args, "--repack", true);
  const std::string attention = args.text("--flash-attn", "auto");
  if (attention == "off" || attention == "0" || attention == "disabled" || attention == "false")
    return invalid_argument("attention is always computed in one pass: -fa off is not available");
  ENGINE_TRY(threads, args.number("--threads", 0, -1));
  ENGINE_TRY(n_ctx, args.number("--ctx-size", 0, 0));
  ENGINE_TRY(batch, args.number("--batch-size", 2048, 1));
  ENGINE_TRY(ubatch, args.number("--ubatch-size", 512, 1));
  out.threads = std::max(threads, 0);
  out.n_ctx = n_ctx;
  ENGINE_TRY(least, args.number("--fit-ctx", 4096, 4));
  // to the model without fitting: all of its context or none
  out.fit_n_ctx = args.text("--fit", "on") == "off" ? kMostContext : least;
  out.max_rows = std::min(batch, ubatch);
  const std::string k = args.text("--cache-type-k", args.text("--cache-type-v")),
                    v = args.text("--cache-type-v", k);
  if (!k.empty()) {
    out.kv_type = cache_type(k);
    if (!out.kv_type || k != v)
      return invalid_argument(
          fmt::format("keys and values of the cache have one type, of: {}", kCacheTypeNames));
  }
  ENGINE_TRY_STATUS(read_choice_flags(args, out.choice));
  ENGINE_TRY(adapters, lora_flags(args));
  out.choice.adapters = std::move(adapters);
  if (const std::string draft = args.text("--model-draft"); !draft.empty()) {
    ENGINE_TRY(store, ModelStore::open_default());
    ENGINE_TRY(located, locate_model(store, draft));
    out.draft = located.path;
    out.draft_required = true;
  }
  return out;
}

Result<std::string> llama_model(const Args& args) {
  std::string model = args.text("--model", args.words.empty() ? "" : args.words[0]);
  if (std::string repo = args.text("--hf-repo"); model.empty() && !repo.empty()) {
    // the hub takes the name of a file in place of a quantization
    if (const std::string file = args.text("--hf-file"); !file.empty())
      repo = repo.substr(0, repo.find(':', repo.find('/') + 1)) + ":" + file;
    model = repo.starts_with("hf.co/") ? repo : "hf.co/" + repo;
  }
  if (model.empty())
    return invalid_argument("no model specified: give a GGUF file with -m FILE, or -hf USER/REPO");
  return model;
}

Result<Json> llama_given_options(const Args& args) {
  return options_of(args, false);
}

Result<LlamaSettings> llama_settings(const Args& args) {
  LlamaSettings out;
  ENGINE_TRY(load, llama_load_choice(args));
  out.load = std::move(load);
  ENGINE_TRY(options, options_of(args, true));
  out.ask.options = std::move(options);
  out.ask.wrap = false;
  out.ask.marks = {"[Start thinking]", "[End thinking]"};
  out.ask.shift = args.has("--context-shift");
  ENGINE_TRY_STATUS(read_format(args, out.ask));
  ENGINE_TRY_STATUS(read_thinking(args, out));
  if (const auto given = args.all("--logit-bias"); !given.empty()) {
    ENGINE_TRY(bias, bias_of(given));
    out.ask.logit_bias = std::move(bias);
  }
  Json stop = Json::array();
  for (const std::string& text : args.all("--reverse-prompt"))
    stop.push_back(llama_switch(args, "--escape", true) ? unescape_text(text) : text);
  if (!stop.empty()) out.ask.options["stop"] = std::move(stop);
  ENGINE_TRY(system, text_given(args, "--system-prompt", "--system-prompt-file"));
  out.ask.system = std::move(system);
  ENGINE_TRY(prompt, text_given(args, "--prompt", "--file"));
  out.prompt = std::move(prompt);
  if (const std::string path = args.text("--binary-file"); out.prompt.empty() && !path.empty()) {
    ENGINE_TRY(bytes, read_file(path, kMostBytes));
    out.prompt = std::move(bytes);
  }
  return out;
}

LogLevel llama_log_level(const Args& args, int fallback) {
  int level = fallback;
  const std::string text = args.text("--log-verbosity");
  std::from_chars(text.data(), text.data() + text.size(), level);
  if (args.has("--log-verbose")) level = 5;
  if (args.has("--log-disable")) level = 0;
  return level >= 4   ? LogLevel::debug
         : level == 3 ? LogLevel::info
         : level == 2 ? LogLevel::warn
                      : LogLevel::error;
}

Status start_llama_log(const Args& args) {
  set_log_level(llama_log_level(args, 1));
  const std::string path = args.text("--log-file");
  return path.empty() ? Status(ok) : log_to_file(path);
}

}  // namespace engine::cli
