// Model: a loaded model: file, vocabulary, chat template, weights in the layout
// of the device, compiled plan, cache.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/core/dtype.h"
#include "engine/core/result.h"
#include "engine/core/row_output.h"
#include "engine/core/thread_pool.h"
#include "engine/model/pooling.h"
#include "gguf/override.h"

namespace engine {

struct LoadProgress;
struct MatmulInput;
struct PlanReport;
class ChatTemplate;
class FormatCache;
class Tokenizer;
namespace gguf {
class File;
}
namespace grammar {
class TokenTrie;
}

inline constexpr int kMostContext = 1 << 24;

// An adapter of a model (engine/model/lora.h).
struct LoraFile {
  std::string path;
  float scale = 1;  // on top of what the file asks for
  bool operator==(const LoraFile&) const = default;
};

struct LoadOptions {
  // tokens of context per sequence; 0: 4096 or the context of the model if that is smaller
  int n_ctx = 0;
  // > 0: n_ctx = 0 means the whole context of the model instead, halved while there is no memory
  // for it, down to this many tokens
  int fit_n_ctx = 0;
  // n_ctx beyond what the model was trained with becomes that, with a warning
  bool cap_n_ctx = false;
  int n_sequences = 1;         // sequences the cache has room for at full context
  int max_rows = 512;          // most rows of one step
  int threads = 0;             // 0: all of the pool
  DType kv_type = DType::f16;  // f16 or q8_0
  bool reference = false;      // weights dequantized to float, no activation quantization
  bool map = true;             // map the file; false: read it
  // matrices in the layout of the kernels;
  // false: they stay in the mapping and are packed while they are read: slower, no second copy
  bool repack = true;
  bool lock = false;     // keep the model in memory; a warning where the system does not allow it
  int max_outputs = 64;  // rows of one step that may want an output
  std::vector<LoraFile> adapters;  // they add up
  // Metadata in place of that of the file; "{arch}" in a key stands for the architecture.
  std::vector<gguf::Override> overrides;
  std::shared_ptr<LoadProgress> progress;  // nullptr: nobody watches
  // of a split file whose names do not lead from one shard to the next: all of them, in order
  std::vector<std::string> shards;
};

struct ModelInfo {
  // "llama", general.name, "Q4_1", "134.52M"
  std::string architecture, name, file_type, parameter_size;
  int64_t n_params = 0;
  size_t file_bytes = 0, weight_bytes = 0, cache_bytes = 0, scratch_bytes = 0;
  int n_layer = 0, n_embd = 0, n_vocab = 0, n_ctx_train = 0, n_ctx = 0;
  int64_t load_ns = 0;
  Pooling pooling = Pooling::unspecified;  // else an embedding model: hidden rows, no logits
  bool encoder = false;  // rows see what follows them: a sequence is computed in one step
  int n_hidden = 0;      // width of a hidden row
};

class Model {
 public:
  // pool outlives the model.
  // Errors: not_found, corrupt, unsupported (names the architecture, tensor type or op),
  // invalid_argument (an adapter of another model, or alone), out_of_memory (before anything is loaded: weights and cache are counted against the memory
  // that is left).
  static Result<std::unique_ptr<Model>> load(const std::string& path, const LoadOptions& options,
                                             ThreadPool& pool);
  // The same from an open file; owner keeps what the file points into (a model made in memory).
  static Result<std::unique_ptr<Model>> load(gguf::File file, std::shared_ptr<const void> owner,
                                             const LoadOptions& options, ThreadPool& pool);
  ~Model();

  const ModelInfo& info() const;
  // nullptr when the file has only a dummy vocabulary: feed ids
  const Tokenizer* tokenizer() const;
  const ChatTemplate* chat_template() const;         // nullptr when the file has none
  std::span<const Token> suppressed_tokens() const;  // ids the vocabulary never wants drawn
  std::string_view chat_template_text() const;       // "" when the file has none
  const gguf::File* file() const;
  // The vocabulary as constraints read it: built when it is first asked for, by any thread.
  std::shared_ptr<const grammar::TokenTrie> token_trie() const;
  FormatCache& formats() const;  // what constraints were compiled to for this vocabulary

  // ---- sequences; model thread only ----
  using SeqId = int32_t;
  // Opens a sequence; the longest prefix of prompt that is in the cache is shared.
  // past(seq) tells how many tokens are there already (at most prompt.size() - 1).
  // Errc::busy: no room.
  Result<SeqId> open(std::span<const Token> prompt);
  int past(SeqId) const;
  // keep: leave full pages in the prefix cache for later prompts.
  void close(SeqId, bool keep);
  int truncate(SeqId, int past);  // rows that remain: past or fewer, see KvCache
  // Forgets the tokens [begin, begin + count): those behind them move up, and nothing is computed
  // again. What they were computed from stays in them. Outputs of the last step stay valid.
  // false: not this model, or not now (KvCache::shift); nothing changed.
  // Requires: begin and count are multiples of kPageTokens, begin + count <= past(seq).
  bool shift(SeqId, int begin, int count);

  struct Rows {  // consecutive tokens of one sequence, appended behind past(seq)
    SeqId seq;
    std::span<const Token> tokens;
    std::span<const OutputNeed> needs;  // one per token, or empty: none
  };
  // Computes all rows in one step. outputs: one per row whose need is not none, in order;
  // valid until the next call. Requires: at most max_rows() tokens and max_outputs() needs in all.
  // Errc::busy: the cache has no pages left (nothing was computed). Errc::unsupported: logits of an
  // embedding model.
  Result<std::span<const RowOutput>> step(std::span<const Rows> rows);
  int max_rows() const;
  int max_outputs() const;

  // The compiled plan as text: step, shapes, kernel id, split, bytes (engine explain).
  std::string explain() const;
  PlanReport plan() const;  // the same as data (kernels/backend.h)
  // Takes the time of every step of the plan from now on, for plan(); see Executable::profile.
  void profile(bool on);
  // Shows the input of every matmul from now on; see Executable::observe. Model thread only.
  Status observe(std::function<void(const MatmulInput&)> observer);

 private:
  struct Impl;
  explicit Model(std::unique_ptr<Impl>);
  std::unique_ptr<Impl> impl_;
};

}  // namespace engine
