// bench_grammar: what a schema costs per token on the vocabulary of a model, without computing the
// model: rows of random logits in which the token of a given text is the best one are drawn from,
// free and constrained; then the mask of every place of the text.
//   bench_grammar VOCABULARY.gguf
#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <random>

#include "engine/core/json_io.h"
#include "engine/grammar/constraint.h"
#include "engine/grammar/json_schema.h"
#include "engine/grammar/json_values.h"
#include "engine/model/vocab.h"
#include "engine/sample/sampler.h"
#include "engine/text/tokenizer.h"

namespace engine {
namespace {

struct Task {
  const char *name, *schema, *text;  // schema: null for JSON mode
};
constexpr Task kTasks[] = {
    {"JSON mode", nullptr,
     R"({"title": "The old lighthouse", "year": 1978, "people": [{"name": "Thomas Hale", "job": "keeper", "letters": true}, {"name": "his sister", "home": "Portland"}], "text": "For more than eighty years it had guided ships past the rocks below. The keeper, a quiet man, climbed its 142 steps every evening to light the lamp."})"},
    {"schema",
     R"({"$defs":{"p":{"type":"object","properties":{"name":{"type":"string"},"age":{"type":"integer","minimum":0,"maximum":130},"mail":{"type":"string","pattern":"^[a-z]+@[a-z]+\\.[a-z]{2,4}$"}},"required":["name","age"],"additionalProperties":false}},"type":"object","properties":{"summary":{"type":"string"},"people":{"type":"array","items":{"$ref":"#/$defs/p"}},"mood":{"enum":["calm","stormy"]},"date":{"type":"string","format":"date"}},"required":["summary","people","mood"]})",
     R"({"summary": "For more than eighty years the lighthouse had guided ships past the rocks below; its keeper climbed the steps every evening.", "people": [{"name": "Thomas Hale", "age": 81, "mail": "thomas@light.org"}, {"name": "Anna", "age": 7}], "mood": "stormy", "date": "1978-11-02"})"},
    {"bounded strings",
     R"({"type":"array","items":{"type":"string","maxLength":200,"minLength":3}})",
     R"(["For more than eighty years the lighthouse had guided ships past the rocks below.", "Its keeper climbed the steps every evening.", "On stormy nights he would sit by the window and write letters."])"},
};

// Processor time: other programs on the machine do not count.
int64_t now_ns() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
}

double ms(int64_t ns, size_t n) {
  return static_cast<double>(ns) / 1e6 / static_cast<double>(n);
}

// Average time of a draw while the text is written; filter: null for free text.
double draw_time(const SamplerParams& params, const std::vector<Token>& ids, size_t n_vocab,
                 grammar::Constraint* filter, bool candidates) {
  Sampler sampler(params);
  sampler.restrict_to(filter);
  std::mt19937 rng(1);
  std::vector<float> noise(n_vocab + 4096);
  std::normal_distribution<float> normal(0, 2);
  for (float& f : noise) f = normal(rng);
  int64_t total = 0;
  for (const Token id : ids) {
    const size_t shift = rng() % 4096;
    std::vector<float> logits(noise.begin() + static_cast<std::ptrdiff_t>(shift),
                              noise.begin() + static_cast<std::ptrdiff_t>(shift + n_vocab));
    logits[static_cast<size_t>(id)] = 14;
    const OutputNeed need = sampler.need();
    RowOutput row;
    std::vector<Candidate> top;
    if (candidates && need.kind == OutputNeed::top) {
      top = best_of(logits, static_cast<size_t>(need.k));
      row.top = top;
    } else {
      row.full = logits;
    }
    const int64_t begin = now_ns();
    sampler.pick(row);
    sampler.accept(id);
    if (filter) filter->accept(id);
    total += now_ns() - begin;
  }
  return ms(total, ids.size());
}

int run(const char* path) {
  const auto file = gguf::File::open(path);
  if (!file) return fmt::print(stderr, "error: {}\n", file.error().message), 1;
  const auto data = read_vocab(*file);
  if (!data) return fmt::print(stderr, "error: {}\n", data.error().message), 1;
  const auto made = make_tokenizer(*data);
  if (!made) return fmt::print(stderr, "error: {}\n", made.error().message), 1;
  const Tokenizer& t = **made;
  std::vector<std::string> pieces;
  for (Token id = 0; id < t.size(); ++id) pieces.push_back(t.piece(id));
  int64_t begin = now_ns();
  const auto trie = std::make_shared<const grammar::TokenTrie>(pieces, t.vocabulary().eog_ids());
  fmt::print("{} tokens; tree of the vocabulary: {:.1f} ms, {:.1f} MB\n", t.size(),
             ms(now_ns() - begin, 1),
             static_cast<double>((trie->text_nodes().size() + trie->other_nodes().size()) *
                                 sizeof(grammar::TokenTrie::Node)) /
                 1e6);
  fmt::print("{:<16} {:<18} {:>6} {:>10} {:>10} {:>6}\n", "task", "sampling", "tokens", "free ms",
             "with ms", "masks");
  for (const Task& task : kTasks) {
    std::vector<Token> ids;
    if (!t.encode(task.text, {.add_special = false}, ids)) return 1;
    begin = now_ns();
    const auto g = task.schema ? grammar::schema_grammar(*parse_json(task.schema))
                               : Result<grammar::Grammar>(grammar::json_grammar());
    if (!g) return fmt::print(stderr, "error: {}\n", g.error().message), 1;
    const auto program = grammar::Program::compile(*g);
    if (!program) return fmt::print(stderr, "error: {}\n", program.error().message), 1;
    const double compile = ms(now_ns() - begin, 1);
    SamplerParams usual, greedy, wide;
    usual.seed = greedy.seed = wide.seed = 1;
    greedy.temperature = 0;
    wide.top_k = 0, wide.top_p = 0.95f;
    const std::pair<const char*, SamplerParams> settings[] = {
        {"defaults", usual}, {"greedy", greedy}, {"top_k off", wide}};
    for (const auto& [name, params] : settings) {
      const double free = draw_time(params, ids, pieces.size(), nullptr, true);
      grammar::Constraint c(*program, trie);
      const double with = draw_time(params, ids, pieces.size(), &c, true);
      fmt::print("{:<16} {:<18} {:>6} {:>10.3f} {:>10.3f} {:>6}\n", task.name, name, ids.size(),
                 free, with, c.counts().masks);
    }
    grammar::Constraint c(*program, trie);
    int64_t total = 0, longest = 0;
    for (const Token id : ids) {
      begin = now_ns();
      c.mask();
      const int64_t took = now_ns() - begin;
      total += took, longest = std::max(longest, took);
      c.accept(id);
    }
    fmt::print(
        "{:<16} a mask at every token: {:.3f} ms on average, {:.3f} at most; grammar {:.2f} ms\n",
        task.name, ms(total, ids.size()), ms(longest, 1), compile);
  }
  return 0;
}

}  // namespace
}  // namespace engine

int main(int argc, char** argv) {
  if (argc != 2) return fmt::print(stderr, "usage: bench_grammar VOCABULARY.gguf\n"), 2;
  return engine::run(argv[1]);
}
