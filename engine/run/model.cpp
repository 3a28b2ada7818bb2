#include "engine/run/model.h"

#include <fmt/format.h>

#include <algorithm>
#include <mutex>
#include <optional>

#include "engine/cache/kv_cache.h"
#include "engine/core/clock.h"
#include "engine/core/cpu_info.h"
#include "engine/core/env.h"
#include "engine/core/log.h"
#include "engine/core/memory.h"
#include "engine/grammar/token_trie.h"
#include "engine/graph/explain.h"
#include "engine/model/arch.h"
#include "engine/model/blocks.h"
#include "engine/model/describe.h"
#include "engine/model/lora.h"
#include "engine/model/vocab.h"
#include "engine/model/weights.h"
#include "engine/run/format_cache.h"
#include "engine/run/load_progress.h"
#include "engine/text/chat_template.h"
#include "engine/text/tokenizer.h"
#include "kernels/backend.h"

namespace engine {
namespace {

constexpr int kDefaultContext = 4096;
// one RoPE scaling, KV type and adapter set per loaded model: their keys never mix
constexpr RowKey kRootKey = 0;

void override_metadata(gguf::File& file, std::span<const gguf::Override> overrides) {
  constexpr std::string_view kArch = "{arch}";
  for (gguf::Override value : overrides) {
    if (value.key.starts_with(kArch))
      if (const auto arch = file.str("general.architecture"))
        value.key.replace(0, kArch.size(), std::string(*arch));
    file.set(value);
  }
}

// Pages of each cache group: room for n_sequences whole contexts,
// or whole windows, and the rows of a step on top.
std::vector<int32_t> group_pages(const Graph& graph, int n_ctx, const LoadOptions& o) {
  std::vector<int32_t> out;
  for (int32_t window : graph.group_window) {
    int rows = n_ctx;
    // twice: prefixes of past prompts stay for a while
    if (window > 0) rows = std::min(n_ctx, 2 * window + o.max_rows + kPageTokens);
    out.push_back((rows / kPageTokens + 2) * std::max(1, o.n_sequences));
  }
  return out;
}

// What is to be loaded, for one length of the context.
struct ModelLayout {
  ModelSpec spec;
  std::vector<WeightSource> sources;  // of graph.weights
  std::vector<int32_t> pages;         // of each cache group
};

struct MemoryNeed {
  size_t weights = 0, cache = 0;
};

}  // namespace

struct Model::Impl {
  std::shared_ptr<const void> owner;
  std::optional<gguf::File> file;
  std::vector<gguf::File> adapters;
  ModelInfo info;
  LoadOptions options;
  std::unique_ptr<Tokenizer> tokenizer;
  std::string template_text;
  std::vector<Token> suppressed;
  std::optional<ChatTemplate> chat;
  Graph graph;
  std::unique_ptr<Backend> backend;
  std::vector<Tensor> weights;  // the plan points at them
  PageStore pages;
  std::unique_ptr<Executable> exec;
  std::unique_ptr<KvCache> cache;
  std::once_flag trie_once;
  std::shared_ptr<const grammar::TokenTrie> trie;
  FormatCache formats;
  // of the running step
  std::vector<Token> tokens;
  std::vector<int32_t> positions;
  std::vector<Segment> segments;
  std::vector<OutputNeed> needs;
  std::vector<RowKey> keys;
  std::vector<PageMove> moves;  // of a shift

  Status step() { return options.progress ? options.progress->step() : Status(ok); }
  Status load_text();
  int wanted_context(uint32_t n_ctx_train) const;
  Result<ModelLayout> lay_out(const Arch& arch);
  Result<ModelLayout> lay_out_in_memory(const Arch& arch);
  Status load_weights(ThreadPool& pool);
  MemoryNeed memory_need(const ModelLayout& layout) const;
};

Status Model::Impl::load_text() {
  Result<VocabData> data = read_vocab(*file);
  if (!data) return std::move(data.error());
  template_text = data->chat_template;
  suppressed = data->suppressed;
  ENGINE_TRY(made, make_tokenizer(*data));
  tokenizer = std::move(made);
  if (template_text.empty()) return ok;
  Result<ChatTemplate> parsed = ChatTemplate::parse(template_text);
  if (parsed) {
    chat = std::move(*parsed);
  } else {  // the model still completes text
    log_warn("the chat template of {} cannot be used: {}", file->path(), parsed.error().message);
  }
  return ok;
}

int Model::Impl::wanted_context(uint32_t n_ctx_train) const {
  const auto trained = static_cast<int>(std::min<uint32_t>(n_ctx_train, kMostContext));
  if (options.n_ctx == 0)
    return std::min(options.fit_n_ctx > 0 ? kMostContext : kDefaultContext, trained);
  const int most = trained > 0 && options.cap_n_ctx ? trained : kMostContext;
  if (options.n_ctx > most)
    log_warn("a context of {} tokens is cut to the {} the model was trained with", options.n_ctx,
             most);
  return std::min(options.n_ctx, most);
}

// For info.n_ctx; the graph is rebuilt, since scaled positions depend on it.
Result<ModelLayout> Model::Impl::lay_out(const Arch& arch) {
  ModelLayout out;
  ModelSpec& spec = out.spec;
  ENGINE_TRY_STATUS(arch.read(*file, {info.n_ctx}, spec));
  if (spec.learned_pos || spec.encoder()) info.n_ctx = std::min(info.n_ctx, spec.n_ctx_train);
  if (spec.encoder()) options.max_rows = std::max(options.max_rows, info.n_ctx);
  if (spec.pooling != Pooling::unspecified) options.max_outputs = options.max_rows;
  ENGINE_TRY(tensors, read_weights(*file, spec));
  adapters.clear();
  for (const LoraFile& lora : options.adapters) {
    ENGINE_TRY(adapter, gguf::File::open(lora.path, options.map));
    ENGINE_TRY_STATUS(add_adapter(adapter, arch.name, lora.scale, tensors));
    adapters.push_back(std::move(adapter));
  }
  ENGINE_TRY(built, build_graph(spec, tensors.table()));
  graph = std::move(built);
  if (tokenizer && tokenizer->size() > spec.n_vocab)
    return Error{Errc::corrupt,
                 fmt::format("the vocabulary has {} tokens, token_embd.weight only {} rows",
                             tokenizer->size(), spec.n_vocab)};
  for (const WeightInfo& w : graph.weights)
    out.sources.push_back({tensors.tensors.at(w.name), w.matmul, w.embed});
  out.pages = group_pages(graph, info.n_ctx, options);
  return out;
}

// What will be touched: matrices (again in the layout of the kernels, unless they stay in the file,
// whose pages can be read again), and the cache.
MemoryNeed Model::Impl::memory_need(const ModelLayout& layout) const {
  MemoryNeed need;
  if (!options.map) {
    need.weights = file->size();
    for (const gguf::File& adapter : adapters) need.weights += adapter.size();
  }
  for (const WeightSource& s : layout.sources) {
    const size_t elements = static_cast<size_t>(s.host.ne[0] * s.host.rows());
    if (options.reference)
      need.weights += elements * sizeof(float);
    else if (s.matmul && options.repack && options.map)
      need.weights += s.host.bytes();
  }
  for (const CacheSlot& s : graph.slots)
    need.cache += static_cast<size_t>(layout.pages[static_cast<size_t>(s.group)]) *
                  cache_page_bytes(options.kv_type, s.n_head_kv, s.dk, s.dv);
  return need;
}

// With the largest context that is asked for and fits. Errors: out_of_memory, in words for the user.
Result<ModelLayout> Model::Impl::lay_out_in_memory(const Arch& arch) {
  const bool may_shrink = options.n_ctx == 0 && options.fit_n_ctx > 0;
  const int whole = info.n_ctx;
  ENGINE_TRY(available, available_memory());
  while (true) {
    ENGINE_TRY(layout, lay_out(arch));
    const MemoryNeed need = memory_need(layout);
    if (need.weights + need.cache <= available) {
      if (info.n_ctx < whole && may_shrink)
        log_info("a context of {} tokens, of {}, fits into the memory", info.n_ctx, whole);
      return layout;
    }
    if (!may_shrink || info.n_ctx <= options.fit_n_ctx) {
      log_warn("{} needs {} for its weights and {} for a context of {} tokens", file->path(),
               memory_text(need.weights), memory_text(need.cache), info.n_ctx);
      return Error{Errc::out_of_memory,
                   fmt::format("model requires more system memory ({}) than is available ({})",
                               memory_text(need.weights + need.cache), memory_text(available))};
    }
    info.n_ctx = std::max(info.n_ctx / 2, options.fit_n_ctx);
  }
}

Status Model::Impl::load_weights(ThreadPool& pool) {
  ENGINE_TRY(arch_name, file->str("general.architecture"));
  const Arch* arch = find_arch(arch_name);
  if (arch == nullptr)
    return Error{Errc::unsupported, fmt::format("unknown model architecture: '{}'", arch_name)};
  ENGINE_TRY(n_ctx_train, file->u32(std::string(arch_name) + ".context_length"));
  info.n_ctx = wanted_context(n_ctx_train);
  ENGINE_TRY(layout, lay_out_in_memory(*arch));
  const ModelSpec& spec = layout.spec;
  const std::vector<WeightSource>& sources = layout.sources;

  ENGINE_TRY(features, cap_features(cpu_features(), env(Env::ENGINE_ISA)));
  ENGINE_TRY(made, make_cpu_backend({&pool, features, env(Env::ENGINE_KERNELS)}));
  backend = std::move(made);
  ENGINE_TRY_STATUS(backend->can_run(graph));
  WeightOptions how;
  how.reference = options.reference, how.repack = options.repack;
  how.packed = [this](std::span<const std::byte> bytes) {
    file->drop(bytes);
    for (const gguf::File& adapter : adapters) adapter.drop(bytes);
    (void)step();  // the end of a load that is called off comes behind the weights
  };
  ENGINE_TRY(loaded, backend->load_weights(sources, how));
  weights = std::move(loaded);
  for (size_t i = 0; i < weights.size(); ++i)
    if (weights[i].data != sources[i].host.data)  // packed: the pages of the file may leave memory
      if (const auto t = file->find(graph.weights[i].name)) file->drop(*t);

  ENGINE_TRY_STATUS(step());
  ENGINE_TRY(store, backend->make_pages(graph, layout.pages, options.kv_type));
  pages = std::move(store);
  CompileOptions compile;
  compile.max_rows = options.max_rows, compile.max_outputs = options.max_outputs,
  compile.threads = options.threads;
  compile.max_top = std::min(compile.max_top, spec.n_vocab);
  compile.verify = env(Env::ENGINE_VERIFY) == "1";
  ENGINE_TRY_STATUS(step());
  ENGINE_TRY(compiled, backend->compile(graph, weights, pages, compile));
  exec = std::move(compiled);
  cache = std::make_unique<KvCache>(graph.group_window, layout.pages);

  info.architecture = arch_name;
  info.n_layer = spec.n_layer, info.n_embd = spec.n_embd, info.n_vocab = spec.n_vocab,
  info.n_ctx_train = spec.n_ctx_train;
  info.pooling = spec.pooling, info.encoder = spec.encoder(), info.n_hidden = graph.n_embd;
  const PlanReport report = exec->report();
  info.weight_bytes = report.weight_bytes;
  info.scratch_bytes =
      report.shared_bytes + report.worker_bytes * static_cast<size_t>(report.workers);
  for (const Buffer& b : pages.buffers) info.cache_bytes += b.size();
  return ok;
}

Result<std::unique_ptr<Model>> Model::load(const std::string& path, const LoadOptions& options,
                                           ThreadPool& pool) {
  auto opened = options.shards.empty() ? gguf::File::open(path, options.map)
                                       : gguf::File::open(options.shards, options.map);
  if (!opened) return std::move(opened.error());
  return load(std::move(*opened), nullptr, options, pool);
}

Result<std::unique_ptr<Model>> Model::load(gguf::File file, std::shared_ptr<const void> owner,
                                           const LoadOptions& options, ThreadPool& pool) {
  const int64_t begin = now_ns();
  if (options.n_ctx < 0 || (options.n_ctx > kMostContext && !options.cap_n_ctx))
    return Error{Errc::invalid_argument,
                 fmt::format("a context of {} tokens is out of range", options.n_ctx)};
  if (const auto type = file.str("general.type"); type && *type == "adapter")
    return Error{
        Errc::invalid_argument,
        fmt::format("{} is an adapter, not a model: load its base model with --lora {}, or "
                    "create a model FROM the base with ADAPTER",
                    file.path(), file.path())};
  override_metadata(file, options.overrides);
  auto impl = std::make_unique<Impl>();
  impl->owner = std::move(owner);
  impl->file.emplace(std::move(file));
  impl->options = options;
  impl->options.max_rows = std::max(1, options.max_rows);
  impl->options.max_outputs = std::clamp(options.max_outputs, 1, impl->options.max_rows);
  if (impl->file->has("tokenizer.ggml.model")) ENGINE_TRY_STATUS(impl->load_text());
  ENGINE_TRY_STATUS(impl->step());
  ENGINE_TRY_STATUS(impl->load_weights(pool));
  impl->options.progress = nullptr;
  ModelInfo& info = impl->info;
  if (const auto name = impl->file->str("general.name"); name) info.name = *name;
  info.file_type = file_type_of(*impl->file);
  info.n_params = parameter_count(*impl->file);
  info.parameter_size = parameter_size(info.n_params);
  info.file_bytes = impl->file->size();
  for (const gguf::File& adapter : impl->adapters) info.file_bytes += adapter.size();
  if (info.n_ctx > info.n_ctx_train)
    log_warn("a context of {} tokens is more than the {} the model was trained with", info.n_ctx,
             info.n_ctx_train);
  if (options.lock)
    if (const Status locked = lock_memory(); !locked) log_warn("{}", locked.error().message);
  info.load_ns = now_ns() - begin;
  log_info("loaded {} ({}, {}): context {} tokens, cache {:.1f} MiB, weights {:.1f} MiB, {} ms",
           info.name, info.architecture, info.file_type, info.n_ctx,
           static_cast<double>(info.cache_bytes) / 1048576.0,
           static_cast<double>(info.weight_bytes) / 1048576.0, info.load_ns / 1000000);
  for (const gguf::File& adapter : impl->adapters) log_info("with the adapter {}", adapter.path());
  return std::unique_ptr<Model>(new Model(std::move(impl)));
}

Model::Model(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Model::~Model() = default;

const ModelInfo& Model::info() const {
  return impl_->info;
}
const Tokenizer* Model::tokenizer() const {
  return impl_->tokenizer.get();
}
const ChatTemplate* Model::chat_template() const {
  return impl_->chat ? &*impl_->chat : nullptr;
}
std::span<const Token> Model::suppressed_tokens() const {
  return impl_->suppressed;
}
std::string_view Model::chat_template_text() const {
  return impl_->template_text;
}
std::shared_ptr<const grammar::TokenTrie> Model::token_trie() const {
  std::call_once(impl_->trie_once, [&] {
    std::vector<std::string> pieces;
    std::vector<Token> ends;
    if (const Tokenizer* t = impl_->tokenizer.get()) {
      pieces.resize(static_cast<size_t>(t->size()));
      for (Token id = 0; id < t->size(); ++id)
        t->append_piece(id, false, pieces[static_cast<size_t>(id)]);
      ends = t->vocabulary().eog_ids();
    }
    impl_->trie = std::make_shared<const grammar::TokenTrie>(pieces, std::move(ends));
  });
  return impl_->trie;
}
FormatCache& Model::formats() const {
  return impl_->formats;
}
const gguf::File* Model::file() const {
  return &*impl_->file;
}
int Model::max_rows() const {
  return impl_->options.max_rows;
}
int Model::max_outputs() const {
  return impl_->options.max_outputs;
}

Result<Model::SeqId> Model::open(std::span<const Token> prompt) {
  const std::vector<RowKey> keys(prompt.begin(), prompt.end());
  return impl_->cache->open(kRootKey, keys);
}

int Model::past(SeqId s) const {
  return impl_->cache->past(s);
}
void Model::close(SeqId s, bool keep) {
  impl_->cache->close(s, keep);
}
int Model::truncate(SeqId s, int past) {
  return impl_->cache->truncate(s, past);
}

bool Model::shift(SeqId s, int begin, int count) {
  Impl& m = *impl_;
  ENGINE_CHECK(begin % kPageTokens == 0 && count % kPageTokens == 0, "only whole pages move");
  if (!m.exec->can_move_pages() ||
      !m.cache->shift(s, begin / kPageTokens, count / kPageTokens, m.moves))
    return false;
  m.exec->move_pages(m.moves, count);
  return true;
}

Result<std::span<const RowOutput>> Model::step(std::span<const Rows> rows) {
  Impl& m = *impl_;
  m.tokens.clear(), m.positions.clear(), m.segments.clear(), m.needs.clear();
  for (const Rows& r : rows) {
    for (Token t : r.tokens)
      if (t < 0 || t >= m.info.n_vocab)
        return Error{Errc::invalid_argument,
                     fmt::format("token {} is outside the vocabulary of {}", t, m.info.n_vocab)};
    if (m.graph.logits < 0)
      for (const OutputNeed& need : r.needs)
        if (need.kind == OutputNeed::top || need.kind == OutputNeed::full)
          return Error{Errc::unsupported, "this model gives embeddings, not text"};
    if (m.info.encoder && (m.cache->past(r.seq) > 0 || std::ssize(r.tokens) > m.info.n_ctx))
      return Error{Errc::unsupported,
                   fmt::format("an encoder takes a sequence in one step, of at most {} tokens",
                               m.info.n_ctx)};
    if (!m.cache->grow(r.seq, static_cast<int>(r.tokens.size())))
      return Error{Errc::busy, "the cache has no pages left"};
  }
  for (const Rows& r : rows) {
    const int past = m.cache->past(r.seq), n = static_cast<int>(r.tokens.size());
    m.segments.push_back(m.cache->segment(r.seq, static_cast<int>(m.tokens.size()), n));
    m.tokens.insert(m.tokens.end(), r.tokens.begin(), r.tokens.end());
    for (int i = 0; i < n; ++i) m.positions.push_back(past + i);
    m.needs.resize(m.tokens.size());
    std::copy(r.needs.begin(), r.needs.end(), m.needs.end() - n);
  }
  ENGINE_CHECK(static_cast<int>(m.tokens.size()) <= m.options.max_rows,
               "more rows than a step may have");
  m.exec->submit({m.tokens, m.positions, m.segments, m.needs});
  BatchOutput out;
  ENGINE_TRY_STATUS(m.exec->wait(out));
  for (const Rows& r : rows) {
    m.keys.assign(r.tokens.begin(), r.tokens.end());
    m.cache->commit(r.seq, m.keys);
  }
  return out.rows;
}

PlanReport Model::plan() const {
  return impl_->exec->report();
}
void Model::profile(bool on) {
  impl_->exec->profile(on);
}

Status Model::observe(std::function<void(const MatmulInput&)> observer) {
  return impl_->exec->observe(std::move(observer));
}

std::string Model::explain() const {
  return engine::explain(impl_->backend->info(), impl_->exec->report());
}

}  // namespace engine
