#include "engine/run/embed.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "engine/core/check.h"
#include "engine/text/tokenizer.h"
#include "gguf/reader.h"

namespace engine {
namespace {

void normalize(std::span<float> v) {
  double squares = 0;
  for (const float x : v) squares += static_cast<double>(x) * x;
  if (squares <= 0) return;
  const double one_of = 1 / std::sqrt(squares);
  for (float& x : v) x = static_cast<float>(x * one_of);
}

void softmax(std::span<float> v) {
  const float most = *std::max_element(v.begin(), v.end());
  double sum = 0;
  for (float& x : v) sum += x = std::exp(x - most);
  for (float& x : v) x = static_cast<float>(x / sum);
}

// Cuts what stands behind the first `begin` tokens to `limit` of them.
Status cut_tokens(std::vector<Token>& tokens, size_t begin, int limit, bool truncate) {
  if (static_cast<int64_t>(tokens.size() - begin) <= limit) return ok;
  if (!truncate)
    return Error{Errc::invalid_argument, "the input length exceeds the context length"};
  if (limit <= 0)
    return Error{Errc::invalid_argument, "input after truncation exceeds maximum context length"};
  tokens.resize(begin + static_cast<size_t>(limit));
  return ok;
}

// The template with the two in their places; what they contain is no place.
std::string fill_pair(std::string_view form, std::string_view query, std::string_view document) {
  constexpr std::string_view kQuery = "{query}", kDocument = "{document}";
  std::string out;
  for (size_t at = 0; at < form.size();) {
    if (form.substr(at).starts_with(kQuery)) {
      out += query, at += kQuery.size();
    } else if (form.substr(at).starts_with(kDocument)) {
      out += document, at += kDocument.size();
    } else {
      out += form[at++];
    }
  }
  return out;
}

int longest_input(const Model& model) {
  return std::min(model.info().n_ctx, model.info().n_ctx_train);
}

// Rerankers made of these decoders answer with the probabilities of their labels.
bool ranks_by_labels(const ModelInfo& info) {
  return info.pooling == Pooling::rank &&
         (info.architecture == "qwen3" || info.architecture == "qwen3vl");
}

}  // namespace

Status check_can_embed(const Model& model) {
  if (model.info().pooling == Pooling::unspecified)
    return Error{Errc::unsupported, "this model does not support embeddings"};
  if (model.tokenizer() == nullptr) return Error{Errc::unsupported, "this model has no tokenizer"};
  return ok;
}

Result<std::vector<Token>> embedding_tokens(const Model& model, std::string_view text,
                                            bool truncate) {
  const Tokenizer& t = *model.tokenizer();
  const VocabRules& rules = t.vocabulary().rules();
  const Token first = rules.first_token(), last = rules.last_token();
  std::vector<Token> out;
  if (first != kNoToken) out.push_back(first);
  const size_t begin = out.size();
  ENGINE_TRY_STATUS(t.encode(text, {.add_special = false}, out));
  const int limit = longest_input(model) - (first != kNoToken) - (last != kNoToken);
  ENGINE_TRY_STATUS(cut_tokens(out, begin, limit, truncate));
  if (last != kNoToken) out.push_back(last);
  // The empty text of a vocabulary that adds nothing: the model sees where a text ends.
  if (out.empty() && rules.ids.eos != kNoToken) out.push_back(rules.ids.eos);
  if (out.empty()) return Error{Errc::invalid_argument, "the input has no tokens"};
  return out;
}

Result<std::vector<Token>> embedding_tokens(const Model& model, std::vector<Token> tokens,
                                            bool truncate) {
  const int n_vocab = model.info().n_vocab;
  for (const Token t : tokens)
    if (t < 0 || t >= n_vocab)
      return Error{Errc::invalid_argument,
                   fmt::format("the model has no token {}, but {} tokens", t, n_vocab)};
  if (tokens.empty()) return Error{Errc::invalid_argument, "the input has no tokens"};
  ENGINE_TRY_STATUS(cut_tokens(tokens, 0, longest_input(model), truncate));
  return tokens;
}

Status check_can_rank(const Model& model) {
  if (model.info().pooling != Pooling::rank)
    return Error{Errc::unsupported, "this model does not support reranking"};
  return check_can_embed(model);
}

Result<std::vector<Token>> ranking_tokens(const Model& model, std::string_view query,
                                          std::string_view document) {
  const Tokenizer& t = *model.tokenizer();
  const VocabRules& rules = t.vocabulary().rules();
  std::vector<Token> out;
  const auto add_if = [&](bool wanted, Token token) {
    if (wanted && token != kNoToken) out.push_back(token);
  };
  ENGINE_TRY(form, model.file()->str("tokenizer.chat_template.rerank", ""));
  if (!form.empty()) {
    ENGINE_TRY_STATUS(t.encode(fill_pair(form, query, document),
                               {.add_special = false, .parse_special = true}, out));
  } else {
    const Token end = rules.ids.eos != kNoToken ? rules.ids.eos : rules.ids.sep;
    add_if(rules.add_bos, rules.ids.bos);
    ENGINE_TRY_STATUS(t.encode(query, {.add_special = false}, out));
    add_if(rules.add_eos, end);
    add_if(rules.add_sep, rules.ids.sep);
    ENGINE_TRY_STATUS(t.encode(document, {.add_special = false}, out));
    add_if(rules.add_eos, end);
  }
  if (static_cast<int64_t>(out.size()) > longest_input(model))
    return Error{Errc::invalid_argument,
                 fmt::format("query and document are {} tokens together, the context has {}",
                             out.size(), longest_input(model))};
  if (out.empty()) return Error{Errc::invalid_argument, "the input has no tokens"};
  return out;
}

bool keeps_raw_vectors(const Model& model) {
  const gguf::File& file = *model.file();
  const std::string& arch = model.info().architecture;
  const auto wants = [&](bool fallback) {
    const auto value = file.boolean(arch + ".normalize_embeddings", fallback);
    return value ? *value : fallback;
  };
  if (arch == "nomic-bert" || arch == "nomic-bert-moe") return !wants(false);
  if (arch != "bert") return false;
  const auto tokenizer = file.str("tokenizer.ggml.model", "");
  return !wants(true) || !tokenizer || *tokenizer != "bert";
}

Embedding::Embedding(std::vector<std::vector<Token>> inputs, const EmbedOptions& options)
    : inputs_(std::move(inputs)), options_(options) {
  result_.vectors.resize(inputs_.size());
  for (const auto& i : inputs_) result_.tokens += static_cast<int64_t>(i.size());
}

size_t Embedding::rows_left(const Model& model) const {
  size_t used = 0;
  for (const Part& p : parts_) used += p.count;
  return static_cast<size_t>(model.max_rows()) - used;
}

// Texts that begin with this step. An encoder needs all rows of a text at once.
Status Embedding::add_parts(Model& model) {
  const ModelInfo& info = model.info();
  while (next_ < inputs_.size() && parts_.size() < most_parts_) {
    const std::vector<Token>& tokens = inputs_[next_];
    const size_t room = rows_left(model);
    if (room == 0 || (info.encoder && tokens.size() > room)) {
      if (parts_.empty())
        return Error{Errc::invalid_argument,
                     "input exceeds maximum context length and cannot be truncated further"};
      break;
    }
    // Opened with one token, so that nothing of an earlier text is shared: rows may be wanted.
    ENGINE_TRY(seq, model.open(std::span(tokens).first(1)));
    Pooling kind = info.pooling;
    if (kind == Pooling::none && !options_.per_token) kind = Pooling::last;
    parts_.push_back({next_++,
                      seq,
                      0,
                      std::min(room, tokens.size()),
                      Pooler(kind, !info.encoder, static_cast<int>(tokens.size())),
                      {}});
  }
  return ok;
}

Status Embedding::compute(Model& model) {
  std::vector<Model::Rows> rows;
  for (Part& p : parts_) {
    p.needs.assign(p.count, {});
    for (size_t i = 0; i < p.count; ++i)
      if (p.pooler.wants(static_cast<int>(p.first + i))) p.needs[i].kind = OutputNeed::hidden;
    rows.push_back({p.seq, std::span(inputs_[p.input]).subspan(p.first, p.count), p.needs});
  }
  ENGINE_TRY(outputs, model.step(rows));
  size_t at = 0;
  for (Part& p : parts_)
    for (const OutputNeed& need : p.needs)
      if (need.kind == OutputNeed::hidden) p.pooler.add(outputs[at++].hidden);
  return ok;
}

Status Embedding::finish(const Model& model, Part& part) {
  std::vector<float>& v = result_.vectors[part.input] = part.pooler.take();
  if (!std::all_of(v.begin(), v.end(), [](float x) { return std::isfinite(x); }))
    return Error{Errc::invalid_argument, "embedding contains NaN or Inf values"};
  if (ranks_by_labels(model.info())) softmax(v);
  const size_t width = static_cast<size_t>(model.info().n_hidden);
  if (options_.per_token) {
    for (size_t i = 0; options_.normalize && i < v.size(); i += width)
      normalize(std::span(v).subspan(i, width));
    return ok;
  }
  if (options_.dimensions > 0 && static_cast<size_t>(options_.dimensions) < v.size())
    v.resize(static_cast<size_t>(options_.dimensions));
  if (options_.normalize) normalize(v);
  return ok;
}

void Embedding::close_all(Model& model, std::vector<Part>& parts) {
  for (const Part& p : parts) model.close(p.seq, false);
  parts.clear();
}

Result<bool> Embedding::step(Model& model) {
  Status status = add_parts(model);
  if (status && !parts_.empty()) status = compute(model);
  if (!status) {
    // Too many texts for the pages of the cache: fewer of them, as long as there are fewer.
    const bool fewer = status.error().code == Errc::busy && parts_.size() > 1;
    if (fewer) {
      most_parts_ = parts_.size() / 2;
      const auto first = parts_.begin() + static_cast<std::ptrdiff_t>(most_parts_);
      next_ = first->input;
      std::vector<Part> later(std::make_move_iterator(first),
                              std::make_move_iterator(parts_.end()));
      parts_.erase(first, parts_.end());
      close_all(model, later);
      return true;
    }
    close_all(model, parts_);
    return std::move(status.error());
  }
  std::vector<Part> done;
  for (Part& p : parts_) {
    p.first += p.count;
    p.count = std::min(inputs_[p.input].size() - p.first, static_cast<size_t>(model.max_rows()));
    if (p.count == 0) done.push_back(std::move(p));
  }
  std::erase_if(parts_, [](const Part& p) { return p.count == 0; });
  for (Part& p : done)
    if (status) status = finish(model, p);
  close_all(model, done);
  if (!status) {
    close_all(model, parts_);
    return std::move(status.error());
  }
  return !parts_.empty() || next_ < inputs_.size();
}

Result<EmbedResult> embed_texts(Model& model, std::span<const std::string> texts,
                                const EmbedOptions& options) {
  ENGINE_TRY_STATUS(check_can_embed(model));
  std::vector<std::vector<Token>> inputs;
  for (const std::string& text : texts) {
    ENGINE_TRY(tokens, embedding_tokens(model, text, options.truncate));
    inputs.push_back(std::move(tokens));
  }
  Embedding work(std::move(inputs), options);
  for (;;) {
    ENGINE_TRY(more, work.step(model));
    if (!more) return work.take();
  }
}

}  // namespace engine
