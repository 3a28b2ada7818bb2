// Grammars from texts, and whether they accept others.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "engine/core/json_io.h"
#include "engine/grammar/gbnf.h"
#include "engine/grammar/json_schema.h"
#include "engine/grammar/json_values.h"
#include "engine/grammar/matcher.h"

namespace engine::grammar {

inline std::shared_ptr<const Program> compiled(const Grammar& g) {
  auto program = Program::compile(g);
  EXPECT_TRUE(program) << program.error().message;
  return program ? *program : nullptr;
}

inline std::shared_ptr<const Program> gbnf(std::string_view text) {
  auto g = parse_gbnf(text);
  EXPECT_TRUE(g) << g.error().message << "\n" << text;
  return g ? compiled(*g) : nullptr;
}

inline std::shared_ptr<const Program> schema(std::string_view text) {
  const auto json = parse_json(text);
  EXPECT_TRUE(json) << text;
  auto g = schema_grammar(*json);
  EXPECT_TRUE(g) << g.error().message << "\n" << text;
  return g ? compiled(*g) : nullptr;
}

// Whether the whole text is of the language.
inline bool accepts(const std::shared_ptr<const Program>& program, std::string_view text) {
  if (!program) return false;
  Matcher m(program);
  const Matcher::State end = m.next(m.start(), text);
  return end != Matcher::kDead && m.accepts(end);
}

// The error of a text that is refused, by the parser or by the compiler.
inline std::string gbnf_error(std::string_view text) {
  auto g = parse_gbnf(text);
  if (!g) return g.error().message;
  auto program = Program::compile(*g);
  return program ? std::string() : program.error().message;
}

inline std::string schema_error(std::string_view text) {
  const auto json = parse_json(text);
  EXPECT_TRUE(json) << text;
  auto g = schema_grammar(*json);
  if (!g) return g.error().message;
  auto program = Program::compile(*g);
  return program ? std::string() : program.error().message;
}

}  // namespace engine::grammar
