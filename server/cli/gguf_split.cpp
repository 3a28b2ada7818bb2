// `engine gguf-split`: a model in several files, and back.
#include <fmt/format.h>

#include <charconv>
#include <cstdio>

#include "engine/quantize/split.h"
#include "server/cli/flags.h"
#include "server/cli/interrupt.h"
#include "server/cli/progress.h"

namespace engine::cli {
namespace {

// "300M", "2G": powers of 1000.
Result<uint64_t> size_of(const std::string& text) {
  uint64_t n = 0;
  const char* end = text.data() + text.size();
  const auto [at, code] = std::from_chars(text.data(), end, n);
  if (code == std::errc() && at + 1 == end && n > 0 && n < 1'000'000'000) {
    if (*at == 'M') return n * 1'000'000;
    if (*at == 'G') return n * 1'000'000'000;
  }
  return invalid_argument(
      fmt::format("invalid split size '{}': a number and M or G, such as 500M", text));
}

quant::OnBytes show(ProgressView& view, const std::string& message) {
  return [&view, message](uint64_t done, uint64_t total) {
    view.bar(message, static_cast<int64_t>(done), static_cast<int64_t>(total));
    return !interrupted();
  };
}

Status split(const Args& args, const std::string& input, const std::string& output) {
  quant::SplitOptions options;
  options.no_tensor_first = args.has("--no-tensor-first-split");
  options.dry_run = args.has("--dry-run");
  ENGINE_TRY(tensors, args.number("--split-max-tensors", 128, 1));
  options.max_tensors = tensors;
  if (const std::string size = args.text("--split-max-size"); !size.empty()) {
    if (args.has("--split-max-tensors"))
      return invalid_argument("--split-max-size and --split-max-tensors cannot go together");
    ENGINE_TRY(bytes, size_of(size));
    options.max_bytes = bytes;
  }
  ProgressView view;
  const auto parts = quant::split_file(input, output, options, show(view, "splitting"));
  view.finish();
  if (!parts) return parts.error();
  fmt::print("n_split: {}\n", parts->size());
  for (size_t i = 0; i < parts->size(); ++i)
    fmt::print("split {:05}: n_tensors = {}, total_size = {}M\n", i + 1, (*parts)[i].n_tensors,
               (*parts)[i].bytes / 1'000'000);
  if (!options.dry_run)
    fmt::print("{} files written, the first is {}\n", parts->size(), parts->front().path);
  return ok;
}

Status merge(const Args& args, const std::string& input, const std::string& output) {
  ProgressView view;
  const auto merged =
      quant::merge_files(input, output, args.has("--dry-run"), show(view, "merging"));
  view.finish();
  if (!merged) return merged.error();
  if (args.has("--dry-run")) {
    fmt::print("{} tensors, {}M\n", merged->n_tensors, merged->bytes / 1'000'000);
    return ok;
  }
  if (args.has("--delete-splits"))
    for (const std::string& part : merged->parts) std::remove(part.c_str());
  fmt::print("{}: {} tensors, {}M\n", output, merged->n_tensors, merged->bytes / 1'000'000);
  return ok;
}

Status gguf_split(const Args& args) {
  std::vector<std::string> words = args.words;
  bool merging = args.has("--merge"), splitting = args.has("--split");
  if (!words.empty() && (words[0] == "split" || words[0] == "merge")) {
    merging = merging || words[0] == "merge";
    splitting = splitting || words[0] == "split";
    words.erase(words.begin());
  }
  if (merging && splitting) return invalid_argument("either split or merge, not both");
  if (words.size() != 2)
    return invalid_argument("two names are needed: engine gguf-split [split|merge] IN OUT");
  catch_interrupts();
  return merging ? merge(args, words[0], words[1]) : split(args, words[0], words[1]);
}

constexpr Flag kSplitFlags[] = {
    {"--split", "", "the same as the word split (this is what happens without a word)"},
    {"--merge", "", "the same as the word merge"},
    {"--split-max-tensors", "N", "tensors of a part (128)"},
    {"--split-max-size", "N(M|G)", "instead: bytes of a part, such as 2G"},
    {"--no-tensor-first-split", "", "the first part has no tensors"},
    {"--delete-splits", "", "remove the parts when they were merged"},
    {"--dry-run", "", "only say what would be written"}};

}  // namespace

extern const Verb verb_gguf_split = {
    "gguf-split",
    "split",
    "[split|merge] IN OUT",
    "Split a model into several files, or merge them",
    0,
    3,
    kSplitFlags,
    {},
    gguf_split,
    "split: OUT is the beginning of the names, OUT-00001-of-00003.gguf.\n"
    "merge: IN is the first part.\n"};

}  // namespace engine::cli
