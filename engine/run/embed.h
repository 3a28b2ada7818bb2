// Texts to vectors, with an embedding model.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/run/model.h"

namespace engine {

struct EmbedOptions {
  bool truncate = true;   // cut what is longer than the context, else it is an error
  bool normalize = true;  // to length 1
  int dimensions = 0;     // only so many numbers, normalized again; 0, or as many as there are: all
  bool per_token = false;  // pooling `none`: all rows, one behind the other; else the last one
};

struct EmbedResult {
  std::vector<std::vector<float>> vectors;  // in the order of the texts
  int64_t tokens = 0;                       // of all texts, begin and end tokens included
};

// Errc::unsupported: the model pools nothing, or has no tokenizer.
Status check_can_embed(const Model& model);

// The tokens of a text with those that begin and end it, cut to what the model takes.
// Errc::invalid_argument: too long and not to be cut; no room for any token; no tokens at all.
Result<std::vector<Token>> embedding_tokens(const Model& model, std::string_view text,
                                            bool truncate);
// Tokens that stand for a text as they are, cut to what the model takes.
// Errc::invalid_argument also: an id that the vocabulary does not have.
Result<std::vector<Token>> embedding_tokens(const Model& model, std::vector<Token> tokens,
                                            bool truncate);

// Errc::unsupported: no classifier reads what this model computes.
Status check_can_rank(const Model& model);
// A question and a document as a classifier reads them together: by the template of the file for
// this, else one behind the other with the marks of the vocabulary.
// Errc::invalid_argument: together longer than the context.
Result<std::vector<Token>> ranking_tokens(const Model& model, std::string_view query,
                                          std::string_view document);

// Whether the old form of the embedding endpoint leaves the vectors of this model as they are:
// callers that stored them depend on it.
bool keeps_raw_vectors(const Model& model);

// Texts on their way, as tokens; step by step, so that others get their turn in between.
class Embedding {
 public:
  // Requires: check_can_embed(); inputs as embedding_tokens() gives them.
  Embedding(std::vector<std::vector<Token>> inputs, const EmbedOptions& options);

  // Computes as many texts as fit into one step of the model; model thread only.
  // true: there is more to do. Errc::invalid_argument: a result is no number.
  Result<bool> step(Model& model);
  void abandon(Model& model) { close_all(model, parts_); }  // before the end; model thread only
  EmbedResult take() { return std::move(result_); }

 private:
  struct Part {
    size_t input;
    Model::SeqId seq;
    size_t first, count;  // tokens of this step
    Pooler pooler;
    std::vector<OutputNeed> needs;
  };
  size_t rows_left(const Model& model) const;
  Status add_parts(Model& model);
  Status compute(Model& model);
  Status finish(const Model& model, Part& part);
  static void close_all(Model& model, std::vector<Part>& parts);

  std::vector<std::vector<Token>> inputs_;
  EmbedOptions options_;
  std::vector<Part> parts_;  // of this step; the first may go on from the last step
  size_t next_ = 0;          // first input that has not begun
  size_t most_parts_ = SIZE_MAX;
  EmbedResult result_;
};

// All at once: for callers that own the model.
Result<EmbedResult> embed_texts(Model& model, std::span<const std::string> texts,
                                const EmbedOptions& options);

}  // namespace engine
