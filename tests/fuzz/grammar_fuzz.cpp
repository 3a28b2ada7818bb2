// Any bytes as a GBNF text, as a JSON schema and as a pattern, and what is left behind a zero byte
// as the text to be matched: no crash, no unbounded time or memory.
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "engine/core/json_io.h"
#include "engine/grammar/constraint.h"
#include "engine/grammar/gbnf.h"
#include "engine/grammar/json_schema.h"

namespace {

using namespace engine;
using namespace engine::grammar;

int depth_of(const Json& j) {
  int deepest = 0;
  if (j.is_structured())
    for (const Json& child : j) deepest = std::max(deepest, depth_of(child));
  return deepest + 1;
}

void match(const Grammar& g, std::string_view text) {
  const auto program = Program::compile(g);
  if (!program) return;
  static const auto trie = std::make_shared<const TokenTrie>(
      std::vector<std::string>{"<end>", "{", "}", "\"", "a", "ab", "1", ",", ":", " ", "[", "]",
                               "\n", "\xe4\xb8", "\xad", "\":", "true"},
      std::vector<Token>{0});
  Constraint c(*program, trie);
  for (const char ch : text.substr(0, 200)) {
    const auto t = static_cast<Token>(static_cast<uint8_t>(ch) % trie->size());
    const bool in_mask = (c.mask()[0] >> t & 1) != 0;
    if (in_mask != c.allows(t)) std::abort();
    if (c.allows(t)) c.accept(t);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t zero = std::min(input.find('\0'), input.size());
  const std::string_view text = input.substr(std::min(zero + 1, size));
  if (const auto g = parse_gbnf(input.substr(0, zero))) match(*g, text);
  const auto json = parse_json(input.substr(0, zero));
  if (json && depth_of(*json) < 200)
    if (const auto g = schema_grammar(*json)) match(*g, text);
  const auto pattern = schema_grammar(Json{{"pattern", repair_utf8(input.substr(0, zero))}});
  if (pattern) match(*pattern, text);
  return 0;
}
