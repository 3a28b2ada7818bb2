#include "server/cli/quantize_words.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "engine/quantize/quantizer.h"
#include "engine/store/blobs.h"

namespace engine::cli {
namespace {

bool is_copy(std::string_view word) {
  return std::ranges::equal(word, std::string_view("copy"), {},
                            [](unsigned char c) { return std::tolower(c); });
}
bool is_type(std::string_view word) {
  return is_copy(word) || quant::find_mix(word) != nullptr;
}

Result<DType> type_of(const std::string& name) {
  const DType t = dtype_from_name(name);
  if (t != DType::count_ && quant::find_quantizer(t, 0) != nullptr) return t;
  std::string known;
  for (const quant::Quantizer* q : quant::all_quantizers())
    if (q->needs == 0) known += (known.empty() ? "" : ", ") + std::string(traits(q->type).name);
  return invalid_argument(
      fmt::format("invalid type '{}' of a tensor: choose one of {}", name, known));
}

Status read_words(const std::vector<std::string>& words, QuantizeCommand& c) {
  if (words.empty()) return invalid_argument("no input file given: engine quantize IN [OUT] TYPE");
  c.input = words[0];
  size_t at = 1;
  if (at < words.size() && !is_type(words[at])) {
    // A single word that is no type is meant as one.
    if (at + 1 == words.size() && !words[at].ends_with(".gguf"))
      return invalid_argument(fmt::format("invalid ftype '{}': choose one of {}, COPY", words[at],
                                          quant::writable_mixes()));
    c.output = words[at++];
  }
  if (at == words.size())
    return invalid_argument(
        fmt::format("missing ftype: choose one of {}, COPY", quant::writable_mixes()));
  const std::string& type = words[at++];
  c.options.copy = is_copy(type);
  c.mix = quant::find_mix(c.options.copy ? "F32" : type);
  if (c.mix == nullptr)
    return invalid_argument(
        fmt::format("invalid ftype '{}': choose one of {}, COPY", type, quant::writable_mixes()));
  c.type_name = c.options.copy ? "COPY" : c.mix->name;
  if (quant::find_quantizer(c.mix->base, 0) == nullptr)
    return invalid_argument(
        fmt::format("type {} can be read but not written: choose one of {}, COPY", c.type_name,
                    quant::writable_mixes()));
  if (c.output.empty()) {
    const size_t slash = c.input.rfind('/');
    c.output = (slash == std::string::npos ? "" : c.input.substr(0, slash + 1)) + "ggml-model-" +
               c.type_name + ".gguf";
  }
  if (at == words.size()) return ok;
  const std::string& threads = words[at++];
  const auto [end, code] =
      std::from_chars(threads.data(), threads.data() + threads.size(), c.threads);
  if (code != std::errc() || end != threads.data() + threads.size() || c.threads < 0)
    return invalid_argument(fmt::format("invalid nthread '{}': a whole number is needed", threads));
  if (at < words.size()) return invalid_argument(fmt::format("too many words: '{}'", words[at]));
  return ok;
}

Status add_pattern(const std::string& text, QuantizeCommand& c) {
  const size_t equals = text.rfind('=');
  if (equals == std::string::npos || equals == 0)
    return invalid_argument(fmt::format("malformed tensor type '{}': REGEX=TYPE is needed", text));
  ENGINE_TRY(type, type_of(text.substr(equals + 1)));
  c.options.tensor_types.emplace_back(text.substr(0, equals), type);
  return ok;
}

Status read_patterns(const Args& args, QuantizeCommand& c) {
  for (const std::string& text : args.all("--tensor-type")) ENGINE_TRY_STATUS(add_pattern(text, c));
  if (const std::string path = args.text("--tensor-type-file"); !path.empty()) {
    ENGINE_TRY(text, read_file(path, size_t{16} << 20));
    std::string word;
    for (const char ch : text + "\n") {
      if (ch != ' ' && ch != '\t' && ch != '\n' && ch != '\r') {
        word += ch;
        continue;
      }
      if (!word.empty()) ENGINE_TRY_STATUS(add_pattern(word, c));
      word.clear();
    }
  }
  return ok;
}

Status read_layers(const std::string& list, QuantizeCommand& c) {
  const char *at = list.data(), *end = at + list.size();
  while (at != end) {
    int64_t layer = 0;
    const auto [next, code] = std::from_chars(at, end, layer);
    if (code != std::errc() || (next != end && *next != ','))
      return invalid_argument(
          fmt::format("invalid list of layers '{}': numbers with commas are needed", list));
    if (std::ranges::find(c.options.prune_layers, layer) == c.options.prune_layers.end())
      c.options.prune_layers.push_back(layer);
    at = next == end ? end : next + 1;
  }
  return ok;
}

}  // namespace

Result<QuantizeCommand> parse_quantize(const Args& args) {
  QuantizeCommand c;
  ENGINE_TRY_STATUS(read_words(args.words, c));
  quant::QuantizeOptions& o = c.options;
  o.allow_requantize = args.has("--allow-requantize");
  o.leave_output = args.has("--leave-output-tensor");
  o.pure = args.has("--pure");
  o.keep_split = args.has("--keep-split");
  o.dry_run = args.has("--dry-run");
  o.overrides = args.all("--override-kv");
  if (const std::string t = args.text("--output-tensor-type"); !t.empty()) {
    ENGINE_TRY(type, type_of(t));
    o.output_type = type;
  }
  if (const std::string t = args.text("--token-embedding-type"); !t.empty()) {
    ENGINE_TRY(type, type_of(t));
    o.embedding_type = type;
  }
  ENGINE_TRY_STATUS(read_patterns(args, c));
  ENGINE_TRY_STATUS(read_layers(args.text("--prune-layers"), c));
  ENGINE_TRY(buffer_mib, args.number("--max-buffer-size", 32, 1));
  // More than enough for every thread is no faster.
  o.buffer_bytes = static_cast<size_t>(std::min(buffer_mib, 256)) << 20;
  if (c.threads == 0) {
    ENGINE_TRY(threads, args.number("--threads", 0, 1));
    c.threads = threads;
  }
  c.importance_path = args.text("--imatrix");
  c.include = args.all("--include-weights");
  c.exclude = args.all("--exclude-weights");
  if (!c.include.empty() && !c.exclude.empty())
    return invalid_argument("--include-weights and --exclude-weights cannot go together");
  if (c.importance_path.empty() && !(c.include.empty() && c.exclude.empty()))
    return invalid_argument(
        "--include-weights and --exclude-weights choose entries of --imatrix, which is not given");
  return c;
}

void filter_importance(quant::Importance& importance, const QuantizeCommand& c) {
  std::erase_if(importance.entries, [&](const auto& entry) {
    const auto in = [&](const std::string& part) {
      return entry.first.find(part) != std::string::npos;
    };
    if (!c.include.empty()) return std::ranges::none_of(c.include, in);
    return std::ranges::any_of(c.exclude, in);
  });
}

}  // namespace engine::cli
