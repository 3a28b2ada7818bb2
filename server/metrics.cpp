// The exposition format: a line of help and one of type, then a line per set of labels.
#include "server/metrics.h"

#include <fmt/format.h>

#include <algorithm>

namespace engine {
namespace {

using Labelled = std::vector<std::pair<std::string, double>>;  // labels with braces, value

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\n') {
      out += "\\n";
      continue;
    }
    if (c == '\\' || c == '"') out += '\\';
    out += c;
  }
  return out;
}

std::string model_label(std::string_view model) {
  return fmt::format("{{model=\"{}\"}}", escaped(model));
}

double rate(uint64_t tokens, int64_t ns) {
  return ns > 0 ? static_cast<double>(tokens) * 1e9 / static_cast<double>(ns) : 0;
}

class Text {
 public:
  explicit Text(bool compat) : compat_(compat) {}

  void metric(std::string_view name, std::string_view type, std::string_view help,
              const Labelled& values) {
    if (values.empty()) return;
    append("engine_", name, type, help, values);
    if (compat_) append("llamacpp:", name, type, help, values);
  }

  std::string out;

 private:
  void append(std::string_view prefix, std::string_view name, std::string_view type,
              std::string_view help, const Labelled& values) {
    out += fmt::format("# HELP {}{} {}\n# TYPE {}{} {}\n", prefix, name, help, prefix, name, type);
    for (const auto& [labels, value] : values)
      out += fmt::format("{}{}{} {}\n", prefix, name, labels, value);
  }

  const bool compat_;
};

// What is not counted but looked up: the state of the pool.
void append_state(const ModelPool& pool, Text& text) {
  Labelled processing, deferred, steps, busy, memory;
  const std::vector<PoolEntry> loaded = pool.list();
  for (const PoolEntry& m : loaded) {
    const std::string label = model_label(m.name);
    processing.emplace_back(label, std::min(m.uses, m.n_sequences));
    deferred.emplace_back(label, std::max(m.uses - m.n_sequences, 0));
    steps.emplace_back(label, m.counts.steps);
    busy.emplace_back(label, m.counts.steps == 0 ? 0
                                                 : static_cast<double>(m.counts.sequences) /
                                                       static_cast<double>(m.counts.steps));
    const auto bytes = [&](const char* kind, size_t n) {
      memory.emplace_back(
          fmt::format("{{device=\"cpu\",kind=\"{}\",model=\"{}\"}}", kind, escaped(m.name)),
          static_cast<double>(n));
    };
    bytes("weights", m.info.weight_bytes);
    bytes("cache", m.info.cache_bytes);
    bytes("work", m.info.scratch_bytes);
  }
  const PoolState state = pool.state();
  text.metric("requests_processing", "gauge", "Requests that run.", processing);
  text.metric("requests_deferred", "gauge", "Requests that wait for a sequence.", deferred);
  text.metric("n_decode_total", "counter", "Batches run since the model was loaded.", steps);
  text.metric("n_busy_slots_per_decode", "gauge", "Mean number of sequences in a batch.", busy);
  text.metric("memory_bytes", "gauge", "Memory of loaded models.", memory);
  text.metric("models_loaded", "gauge", "Models that are loaded.",
              {{"", static_cast<double>(loaded.size())}});
  text.metric("queue_pending", "gauge", "Requests that wait for a model to load.",
              {{"", static_cast<double>(state.pending)}});
  text.metric("load_seconds_total", "counter", "Time spent loading models.",
              {{"", static_cast<double>(state.load_ns) / 1e9}});
}

}  // namespace

void Histogram::add(double seconds) {
  const auto at = std::lower_bound(kBounds.begin(), kBounds.end(), seconds);
  ++counts_[static_cast<size_t>(at - kBounds.begin())];
  sum_ += seconds;
}

void Histogram::append(std::string_view name, std::string& out) const {
  out += fmt::format("# HELP {} Time in seconds.\n# TYPE {} histogram\n", name, name);
  uint64_t total = 0;
  for (size_t i = 0; i < counts_.size(); ++i) {
    total += counts_[i];
    const std::string bound = i < kBounds.size() ? fmt::format("{}", kBounds[i]) : "+Inf";
    out += fmt::format("{}_bucket{{le=\"{}\"}} {}\n", name, bound, total);
  }
  out += fmt::format("{}_sum {}\n{}_count {}\n", name, sum_, name, total);
}

void Metrics::request(std::string_view route, int status, std::chrono::nanoseconds duration) {
  std::lock_guard lock(mutex_);
  ++requests_[{std::string(route), status}];
  request_seconds_.add(std::chrono::duration<double>(duration).count());
}

void Metrics::first_token(std::chrono::nanoseconds since_arrival) {
  std::lock_guard lock(mutex_);
  first_token_seconds_.add(std::chrono::duration<double>(since_arrival).count());
}

void Metrics::answer(const std::string& model, const GenerateStats& stats) {
  std::lock_guard lock(mutex_);
  PerModel& m = models_[model];
  const auto count = [](int n) { return static_cast<uint64_t>(std::max(n, 0)); };
  m.prompt += count(stats.prompt_tokens - stats.cached_tokens);
  m.cached += count(stats.cached_tokens);
  m.predicted += count(stats.output_tokens);
  m.proposed += count(stats.proposed_tokens);
  m.accepted += count(stats.accepted_tokens);
  m.proposals += count(stats.proposals);
  m.accepted_at.resize(std::max(m.accepted_at.size(), stats.accepted_at.size()));
  for (size_t i = 0; i < stats.accepted_at.size(); ++i)
    m.accepted_at[i] += count(stats.accepted_at[i]);
  m.longest = std::max(m.longest, count(stats.prompt_tokens + stats.output_tokens));
  m.prompt_ns += stats.prompt_ns;
  m.predicted_ns += stats.output_ns;
}

std::string Metrics::text(const ModelPool& pool, bool compat) {
  Text text(compat);
  append_state(pool, text);
  std::lock_guard lock(mutex_);
  const auto per_model = [&](const char* name, const char* type, const char* help, auto value) {
    Labelled values;
    for (const auto& [model, m] : models_) values.emplace_back(model_label(model), value(m));
    text.metric(name, type, help, values);
  };
  const auto counter = [&](const char* name, const char* help, uint64_t PerModel::*member) {
    per_model(name, "counter", help,
              [member](const PerModel& m) { return static_cast<double>(m.*member); });
  };
  counter("prompt_tokens_total", "Prompt tokens evaluated.", &PerModel::prompt);
  counter("prompt_tokens_cached_total", "Prompt tokens taken from the cache.", &PerModel::cached);
  counter("tokens_predicted_total", "Tokens generated.", &PerModel::predicted);
  counter("n_tokens_max", "Most tokens of one sequence.", &PerModel::longest);
  counter("spec_decode_num_drafts_total", "Steps with proposed tokens.", &PerModel::proposals);
  counter("spec_decode_num_draft_tokens_total", "Tokens proposed.", &PerModel::proposed);
  counter("spec_decode_num_accepted_tokens_total", "Proposals accepted.", &PerModel::accepted);
  Labelled places;
  for (const auto& [model, m] : models_)
    for (size_t i = 0; i < m.accepted_at.size(); ++i)
      places.emplace_back(fmt::format("{{model=\"{}\",position=\"{}\"}}", escaped(model), i),
                          static_cast<double>(m.accepted_at[i]));
  text.metric("spec_decode_num_accepted_tokens_per_pos_total", "counter",
              "Proposals accepted, by their place among those of a step.", places);
  per_model("prompt_seconds_total", "counter", "Time spent on prompts.",
            [](const PerModel& m) { return static_cast<double>(m.prompt_ns) / 1e9; });
  per_model("tokens_predicted_seconds_total", "counter", "Time spent on answers.",
            [](const PerModel& m) { return static_cast<double>(m.predicted_ns) / 1e9; });
  per_model("prompt_tokens_seconds", "gauge", "Prompt tokens per second since the last scrape.",
            [](const PerModel& m) {
              return rate(m.prompt - m.old_prompt, m.prompt_ns - m.old_prompt_ns);
            });
  per_model("predicted_tokens_seconds", "gauge", "Tokens per second since the last scrape.",
            [](const PerModel& m) {
              return rate(m.predicted - m.old_predicted, m.predicted_ns - m.old_predicted_ns);
            });
  for (auto& [model, m] : models_) {
    m.old_prompt = m.prompt, m.old_predicted = m.predicted;
    m.old_prompt_ns = m.prompt_ns, m.old_predicted_ns = m.predicted_ns;
  }
  Labelled requests;
  for (const auto& [key, n] : requests_)
    requests.emplace_back(
        fmt::format("{{route=\"{}\",status=\"{}\"}}", escaped(key.first), key.second),
        static_cast<double>(n));
  text.metric("requests_total", "counter", "Requests answered.", requests);
  request_seconds_.append("engine_request_seconds", text.out);
  first_token_seconds_.append("engine_first_token_seconds", text.out);
  return std::move(text.out);
}

void MeasuredSink::token(const TokenEvent& event) {
  if (!begun_) {
    begun_ = true;
    metrics_->first_token(std::chrono::steady_clock::now() - arrival_);
  }
  sink_->token(event);
}

void MeasuredSink::done(const GenerateStats& stats) {
  metrics_->answer(model_, stats);  // first: who sees the end finds it counted
  sink_->done(stats);
}

}  // namespace engine
