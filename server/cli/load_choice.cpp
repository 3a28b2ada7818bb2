#include "server/cli/load_choice.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <filesystem>

namespace engine::cli {
namespace {

Status check_file(const std::string& path) {
  std::error_code ec;
  if (std::filesystem::is_regular_file(path, ec)) return ok;
  return Error{Errc::not_found,
               fmt::format("adapter \"{}\" does not exist; give the path of a GGUF file", path)};
}

}  // namespace

Result<std::vector<LoraFile>> lora_flags(const Args& args) {
  std::vector<LoraFile> out;
  for (const std::string& path : args.list("--lora")) out.push_back({path});
  for (const std::string& text : args.list("--lora-scaled")) {
    const size_t colon = std::min(text.rfind(':'), text.size());
    const char *begin = text.data() + std::min(colon + 1, text.size()),
               *end = text.data() + text.size();
    LoraFile lora{text.substr(0, colon)};
    const auto [stop, code] = std::from_chars(begin, end, lora.scale);
    if (code != std::errc() || stop != end || !std::isfinite(lora.scale))
      return Error{Errc::invalid_argument,
                   fmt::format("invalid argument \"{}\" for \"--lora-scaled\" flag: FILE:FACTOR is "
                               "needed, such as adapter.gguf:0.5",
                               text)};
    out.push_back(std::move(lora));
  }
  for (const LoraFile& lora : out) ENGINE_TRY_STATUS(check_file(lora.path));
  return out;
}

Result<std::vector<LoraFile>> adapters_for(const LocatedModel& model, const Args& args) {
  std::vector<LoraFile> out;
  if (model.in_store)
    for (const std::string& path : model.record.adapter_paths) out.push_back({path});
  ENGINE_TRY(added, lora_flags(args));
  out.insert(out.end(), added.begin(), added.end());
  return out;
}

Result<LoadChoice> load_choice(const Args& args) {
  LoadChoice choice;
  choice.map = !args.has("--no-mmap"), choice.repack = !args.has("--no-repack");
  choice.lock = args.has("--mlock");
  choice.draft_required = args.has("--draft-model");
  ENGINE_TRY(adapters, lora_flags(args));
  choice.choice.adapters = std::move(adapters);
  const std::string model = args.text("--draft-model", env(Env::ENGINE_DRAFT_MODEL));
  if (model.empty()) return choice;
  ENGINE_TRY(store, ModelStore::open_default());
  ENGINE_TRY(located, locate_model(store, model));
  choice.draft = located.path;
  return choice;
}

void LoadChoice::apply(LoadOptions& options) const {
  options.map = map, options.repack = repack, options.lock = lock;
  if (n_ctx > 0) options.n_ctx = n_ctx;
  options.fit_n_ctx = fit_n_ctx;
  if (threads > 0) options.threads = threads;
  if (max_rows > 0) options.max_rows = max_rows;
  if (kv_type) options.kv_type = *kv_type;
}

}  // namespace engine::cli
