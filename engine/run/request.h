// What a client asks of a loaded model, and what comes back while it is computed.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/core/result.h"
#include "engine/core/row_output.h"
#include "engine/grammar/constraint.h"
#include "engine/sample/sampler.h"

namespace engine {

using RequestId = uint64_t;

enum class DoneReason : uint8_t { stop, length, cancelled };

struct TokenLogprob {
  std::string bytes;              // of the token, which may be a part of a character
  float logprob = 0;              // of the raw logits
  std::vector<TokenLogprob> top;  // the best alternatives
  Token id = -1;
};

// One step of the answer. text: whole UTF-8 characters, may be empty
// (a character or a stop string is still open).
struct TokenEvent {
  Token token = -1;
  std::string text;
  std::vector<TokenLogprob> logprobs = {};  // of the tokens whose text this is, when asked for
};

struct GenerateStats {
  DoneReason reason = DoneReason::stop;
  std::string stop_text;  // the stop string that ended the answer, "" if none did
  int prompt_tokens = 0;  // of the prompt, cached ones included
  int cached_tokens = 0;  // taken from the prefix cache
  int output_tokens = 0;
  int proposed_tokens = 0, accepted_tokens = 0;  // of speculation
  int proposals = 0;                             // steps with proposed tokens
  // accepted_tokens by their place among the proposals of a step
  std::vector<int> accepted_at;
  int64_t prompt_ns = 0;       // from the first step of the prompt to its last
  int64_t output_ns = 0;       // from then to the last token
  std::vector<Token> context;  // prompt and answer, for /api/generate's context field
};

// Receives an answer; called on the model thread only, must not block.
class Sink {
 public:
  virtual ~Sink() = default;
  // false: the reader stalls, the row rests until Scheduler::wake
  virtual bool room() const { return true; }
  virtual void token(const TokenEvent&) = 0;
  virtual void done(const GenerateStats&) = 0;
  virtual void failed(const Error&) = 0;
};

struct Request {
  std::vector<Token> prompt;  // not empty
  SamplerParams sampling;
  std::vector<std::string> stop;  // stop strings
  std::vector<Token> shown;       // control tokens whose text belongs to the answer
  int max_tokens = -1;            // num_predict; -1: until the end of text or of the context
  int num_keep = 0;               // tokens kept at the front by a context shift
  int logprobs = -1;              // alternatives per token in TokenEvent::logprobs; -1: no logprobs
  // The answer keeps to it; of this request alone.
  std::shared_ptr<grammar::Constraint> constraint;
  int draft_tokens = 4;  // most proposals of a draft model at once; 0: none
  bool shift = true;     // false: the answer ends (length) when the context is full
  std::shared_ptr<Sink> sink;
};

}  // namespace engine
