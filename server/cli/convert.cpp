// `engine convert`: a directory of the Hugging Face hub becomes a GGUF file.
#include "engine/convert/convert.h"

#include <fmt/format.h>
#include <unistd.h>

#include "server/cli/flags.h"
#include "server/cli/forms.h"
#include "server/cli/machine.h"

namespace engine::cli {
namespace {

Status run_convert(const Args& args) {
  const std::string &dir = args.words[0], &out = args.words[1];
  convert::ConvertOptions options;
  const std::string type = args.text("--outtype", "auto");
  const auto known = convert::out_type_from_name(type);
  if (!known)
    return Error{Errc::invalid_argument, fmt::format("unknown type \"{}\"; the types are {}", type,
                                                     convert::out_type_names())};
  options.type = *known;
  ENGINE_TRY(threads, args.number("--threads", default_threads(), 1));
  const std::unique_ptr<ThreadPool> pool = make_thread_pool(threads);
  options.pool = pool.get();
  const bool shown = isatty(2) != 0;
  int64_t written = 0, last = -1;
  options.progress = [&](int64_t done, int64_t total) {
    written = done;
    const int64_t percent = total > 0 ? 100 * done / total : 100;
    if (shown && percent != last) fmt::print(stderr, "\rconverting {:3}%", percent);
    last = percent;
    return true;
  };
  const std::string base = args.text("--base");
  const bool adapter = convert::is_adapter_directory(dir) && !convert::is_model_directory(dir);
  if (adapter && base.empty())
    return Error{
        Errc::invalid_argument,
        fmt::format("{} holds an adapter: name the GGUF file of its model with --base", dir)};
  const Status done = adapter ? convert::convert_adapter(dir, base, out, options)
                              : convert::convert_directory(dir, out, options);
  if (shown && last >= 0) fmt::print(stderr, "\r\033[K");
  if (!done) return done.error();
  fmt::print("wrote {} ({})\n", out, bytes_text(written));
  return ok;
}

constexpr Flag kConvertFlags[] = {
    {"--outtype", "TYPE",
     "type of the matrices: auto (as the source, F32 as f16), f32, f16, bf16, q8_0"},
    {"--base", "FILE", "the model of an adapter, as GGUF"},
    {"-t,--threads", "N", "threads"}};
constexpr Env kConvertEnvironment[] = {Env::ENGINE_THREADS};

}  // namespace

extern const Verb verb_convert = {
    "convert",  "", "DIRECTORY OUT.gguf", "Make a GGUF file of a directory with safetensors",
    2,          2,  kConvertFlags,        kConvertEnvironment,
    run_convert};

}  // namespace engine::cli
