// bench_speculate: answers of one loaded model with and without speculation, in turn. The texts
// must be equal; printed are the median rates of decoding.
//   bench_speculate MODEL [RUNS] [DRAFT_MODEL]
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "engine/core/cpu_info.h"
#include "engine/core/log.h"
#include "engine/run/draft.h"
#include "engine/run/scheduler.h"
#include "engine/text/chat_template.h"
#include "engine/text/tokenizer.h"

namespace engine {
namespace {

#define STORY                                                                                      \
  "The old lighthouse stood at the edge of the cliff, its white paint peeling in the salty wind. " \
  "For more than eighty years it had guided ships past the rocks below. The keeper, a quiet man "  \
  "named Thomas Hale, climbed its 142 steps every evening to light the lamp. On stormy nights he " \
  "would sit by the window and write letters to his sister in Portland, describing the colour of " \
  "the waves and the sounds of the gulls. When the lamp was finally replaced by an automatic one " \
  "in 1978, he kept climbing the stairs, out of habit, until the year he died."
#define CODE                                                                                    \
  "def load_config(path):\n    with open(path) as f:\n        data = json.load(f)\n    if "     \
  "\"name\" not in data:\n        raise ValueError(\"name is missing\")\n    return data\n\n"   \
  "def save_config(path, data):\n    with open(path, \"w\") as f:\n        json.dump(data, f, " \
  "indent=2)\n\ndef merge_config(base, extra):\n    result = dict(base)\n    for key, value "   \
  "in extra.items():\n        if isinstance(value, dict) and key in result:\n            "      \
  "result[key] = merge_config(result[key], value)\n        else:\n            result[key] = "   \
  "value\n    return result\n"

struct Task {
  const char *name, *text;
  bool greedy;
};
constexpr Task kTasks[] = {
    {"copy", "Repeat this text exactly, without any change:\n\n" STORY, true},
    {"code",
     "Here is a Python file. Rename the function load_config to read_config and print the whole "
     "file again.\n\n```python\n" CODE "```",
     true},
    {"list", "Write the numbers from 1 to 60 in words, one per line.", true},
    {"story", "Write a short story about a girl who finds a map in an attic.", false},
    {"explain", "Explain how a refrigerator works, in detail.", false},
    {"letter", "Write a letter to a friend about a trip to the mountains in autumn.", false},
    {"history", "What were the main causes of the First World War?", false},
    {"story, greedy", "Write a short story about a girl who finds a map in an attic.", true},
    {"letter, greedy", "Write a letter to a friend about a trip to the mountains in autumn.", true},
};
constexpr int kTokens = 256;

struct Answer : Sink {
  std::vector<Token> tokens;
  GenerateStats stats;
  std::string error;
  void token(const TokenEvent& e) override { tokens.push_back(e.token); }
  void done(const GenerateStats& s) override { stats = s; }
  void failed(const Error& e) override { error = e.message; }
};

Result<std::vector<Token>> prompt_of(const Model& model, const char* text) {
  if (model.tokenizer() == nullptr) return Error{Errc::unsupported, "the model has no vocabulary"};
  ChatInput input;
  ChatMessage message;
  message.role = "user", message.content = text;
  input.messages = {message};
  std::string prompt = std::string(text) + "\n\n";
  if (model.chat_template() != nullptr) {
    ENGINE_TRY(chat, model.chat_template()->render(input));
    prompt = chat.text;
  }
  std::vector<Token> tokens;
  EncodeFlags flags;
  flags.parse_special = true;
  ENGINE_TRY_STATUS(
      model.tokenizer()->encode(model.tokenizer()->without_added_tokens(prompt), flags, tokens));
  return tokens;
}

Answer answer(Scheduler& scheduler, const std::vector<Token>& prompt, bool greedy) {
  auto sink = std::make_shared<Answer>();
  Request r;
  r.prompt = prompt;
  r.max_tokens = kTokens;
  r.sampling.seed = 42;
  if (greedy) r.sampling.temperature = 0;
  r.sink = sink;
  scheduler.submit(std::move(r));
  while (scheduler.step()) {
  }
  return *sink;
}

double rate(const Answer& a) {
  return a.stats.output_tokens * 1e9 / static_cast<double>(a.stats.output_ns);
}

Status run(const std::string& path, int runs, const std::string& draft_path) {
  set_log_level(LogLevel::warn);
  auto pool = make_native_pool(usable_cores());
  LoadOptions options;
  options.n_ctx = 2048;
  ENGINE_TRY(model, Model::load(path, options, *pool));
  SpeculateOptions speculate;
  speculate.lookup = true;
  std::unique_ptr<Model> draft;
  if (!draft_path.empty()) {
    ENGINE_TRY(loaded, Model::load(draft_path, options, *pool));
    draft = std::move(loaded);
    ENGINE_TRY_STATUS(check_draft(*model, *draft));
    speculate.draft = draft.get(), speculate.lookup = false;
  }
  Scheduler plain(*model), speculating(*model, speculate);
  fmt::print("{}, {}\n{} threads, {} runs, up to {} tokens; tokens/s: median (lowest-highest)\n",
             cpu_model_name(), feature_names(cpu_features()), pool->size(), runs, kTokens);
  fmt::print("{:<16}{:>22}{:>22}{:>8}{:>10}{:>10}{:>8}\n", "task", "without", "with", "ratio",
             "proposed", "accepted", "tokens");
  for (const Task& task : kTasks) {
    ENGINE_TRY(prompt, prompt_of(*model, task.text));
    std::vector<double> rates[2];
    Answer last[2];
    for (int i = 0; i <= runs; ++i)  // the first is the warm-up; they take turns in going first
      for (const int which : {i % 2, 1 - i % 2}) {
        last[which] = answer(which == 0 ? plain : speculating, prompt, task.greedy);
        if (!last[which].error.empty()) return Error{Errc::internal, last[which].error};
        if (i > 0) rates[which].push_back(rate(last[which]));
      }
    if (last[0].tokens != last[1].tokens)
      return Error{Errc::internal, fmt::format("{}: the answers differ", task.name)};
    std::string shown[2];
    for (const int which : {0, 1}) {
      std::vector<double>& r = rates[which];
      std::sort(r.begin(), r.end());
      shown[which] = fmt::format("{:.1f} ({:.0f}-{:.0f})", r[r.size() / 2], r.front(), r.back());
    }
    const size_t middle = rates[0].size() / 2;
    fmt::print("{:<16}{:>22}{:>22}{:>8.3f}{:>10}{:>10}{:>8}\n", task.name, shown[0], shown[1],
               rates[1][middle] / rates[0][middle], last[1].stats.proposed_tokens,
               last[1].stats.accepted_tokens, last[1].stats.output_tokens);
  }
  return ok;
}

}  // namespace
}  // namespace engine

int main(int argc, char** argv) {
  if (argc < 2) return fmt::print(stderr, "bench_speculate MODEL [RUNS] [DRAFT_MODEL]\n"), 2;
  const int runs = argc > 2 ? std::max(1, std::atoi(argv[2])) : 5;
  const engine::Status status = engine::run(argv[1], runs, argc > 3 ? argv[3] : "");
  if (!status) fmt::print(stderr, "Error: {}\n", status.error().message);
  return status ? 0 : 1;
}
