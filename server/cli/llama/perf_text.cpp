#include "server/cli/llama/perf_text.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace engine::cli {

void add_statistics(const Json& answer, Json& sum) {
  if (!answer.is_object()) return;
  for (const char* key : {"prompt_eval_count", "prompt_eval_duration", "eval_count",
                          "eval_duration", "total_duration"}) {
    const auto it = answer.find(key);
    if (it != answer.end() && it->is_number_integer())
      sum[key] = sum.value(key, int64_t{0}) + it->get<int64_t>();
  }
}

std::string llama_perf_text(const Json& statistics) {
  const auto number = [&statistics](const char* key) -> double {
    const auto it = statistics.find(key);
    return it != statistics.end() && it->is_number() ? it->get<double>() : 0.0;
  };
  const double load = number("load_duration") / 1e6, prompt = number("prompt_eval_duration") / 1e6,
               eval = number("eval_duration") / 1e6, total = number("total_duration") / 1e6,
               n_prompt = number("prompt_eval_count"), n_eval = number("eval_count");
  const auto per = [](double a, double b) { return b > 0 ? a / b : 0.0; };
  const auto line = [](const char* name, double ms) {
    return fmt::format("perf:{:>17} time = {:10.2f} ms", name, ms);
  };
  const auto counted = [&](const char* name, double ms, double n, const char* what) {
    return line(name, ms) + fmt::format(
                                " / {:5.0f} {} ({:8.2f} ms per token, {:8.2f} tokens per "
                                "second)\n",
                                n, what, per(ms, n), per(1e3 * n, ms));
  };
  return line("load", load) + "\n" + counted("prompt eval", prompt, n_prompt, "tokens") +
         counted("eval", eval, n_eval, "runs  ") + line("total", total) +
         fmt::format(" / {:5.0f} tokens\n", n_prompt + n_eval);
}

}  // namespace engine::cli
