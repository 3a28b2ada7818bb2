// Requests to a tiny random model (random_model.h), and a sink that keeps what comes back.
#pragma once

#include "engine/run/scheduler.h"
#include "tests/run/random_model.h"

namespace engine {

struct Collect : Sink {
  std::vector<Token> tokens;
  GenerateStats stats;
  std::string error;
  int ends = 0;
  bool has_room = true;
  bool room() const override { return has_room; }
  void token(const TokenEvent& e) override { tokens.push_back(e.token); }
  void done(const GenerateStats& s) override { stats = s, ++ends; }
  void failed(const Error& e) override { error = e.message, ++ends; }
};

inline std::vector<Token> prompt(int n, int seed) {
  std::mt19937 rng(static_cast<uint32_t>(seed));
  std::vector<Token> out;
  for (int i = 0; i < n; ++i) out.push_back(static_cast<Token>(rng() % kTinyVocab));
  return out;
}

inline Request request(std::vector<Token> p, std::shared_ptr<Sink> sink, int max_tokens = 12) {
  Request r;
  r.prompt = std::move(p);
  r.max_tokens = max_tokens;
  r.sampling.seed = 3;
  r.sampling.temperature = 0.9f;
  r.sink = std::move(sink);
  return r;
}

}  // namespace engine
