#include "engine/run/scheduler.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <list>
#include <mutex>
#include <unordered_set>
#include <utility>

#include "engine/core/clock.h"
#include "engine/core/log.h"
#include "engine/run/pace.h"
#include "engine/sample/logprobs.h"
#include "engine/sample/sampler.h"
#include "engine/sample/stop.h"
#include "engine/text/tokenizer.h"
#include "engine/text/utf8_stream.h"
#include "kernels/op.h"

namespace engine {
namespace {

// identical tokens in a row after which an answer is ended (http-api.md 4.9)
constexpr int kRepeatGuard = 30;

// A request from admission to its end.
struct Job {
  RequestId id = 0;
  Request request;
  Sampler sampler;
  StopMatcher stop;
  Utf8Stream utf8;
  std::vector<Token> tokens;  // prompt and answer so far; after a context shift the kept ones
  Model::SeqId seq = -1;      // -1: waiting, or preempted
  GenerateStats stats;
  int64_t first_ns = 0, prompt_end_ns = 0;
  int repeats = 0;
  Speculator speculator;
  std::shared_ptr<RunningRequest> view;  // for whoever asks what runs
  std::vector<Token> ahead;  // the last token and the proposals, while a step checks them
  // Tokens whose text is not out yet; begin: their place in the bytes of the answer.
  struct Pending {
    TokenLogprob logprob;
    size_t begin;
  };
  std::deque<Pending> pending;
  size_t piece_bytes = 0, text_bytes = 0;  // of the tokens so far; of the text given out
  bool resting = false;                    // its sink had no room
  bool preempted = false;  // gave its pages away; comes back when another request has ended

  Job(RequestId i, Request r, const SpeculateOptions& speculate, int n_vocab)
      : id(i),
        request(std::move(r)),
        sampler(request.sampling),
        stop(request.stop),
        tokens(request.prompt),
        speculator(speculate, n_vocab, request.draft_tokens) {
    sampler.restrict_to(request.constraint.get());
    stats.prompt_tokens = static_cast<int>(tokens.size());
    stats.context = tokens;
    for (Token t : tokens) sampler.accept(t);
    view = std::make_shared<RunningRequest>();
    view->id = id;
    view->prompt_tokens = stats.prompt_tokens;
    view->max_tokens = request.max_tokens;
    view->num_keep = request.num_keep;
    view->stop = request.stop;
    view->sampling = sampler.params();
    view->sampling.seed = sampler.seed();
    view->sampling.logit_bias.clear(), view->sampling.suppressed.clear();
    view->sampling.dry.breakers.clear();
  }
};

// Moves the log-probabilities of what has come out to `out`.
void release_logprobs(Job& job, size_t text_bytes, std::vector<TokenLogprob>& out) {
  job.text_bytes += text_bytes;
  for (; !job.pending.empty() && job.pending.front().begin < job.text_bytes;
       job.pending.pop_front())
    out.push_back(std::move(job.pending.front().logprob));
}

TokenLogprob token_logprob(const Tokenizer& tokenizer, const RowOutput& output, Token token,
                           int n) {
  const Logprobs values = logprobs_of(output, token, n);
  TokenLogprob out{tokenizer.piece(token, true), values.chosen, {}, token};
  for (const Candidate& c : values.top)
    out.top.push_back({tokenizer.piece(c.id, true), c.logit, {}, c.id});
  return out;
}

}  // namespace

struct Scheduler::Impl {
  Model& model;
  const SpeculateOptions speculate;
  std::mutex mutex;  // guards the six below
  std::condition_variable changed;
  std::deque<std::unique_ptr<Job>> arrived;
  std::vector<std::shared_ptr<const RunningRequest>> views;  // of all jobs, in order of arrival
  std::deque<Task> tasks;
  std::unordered_set<RequestId> cancelled;
  bool stopped = false, poke = false;
  RequestId next_id = 1;

  // model thread only
  std::list<std::unique_ptr<Job>> jobs;  // in order of arrival
  size_t most_running;
  std::atomic<size_t> open_jobs{0};  // arrived or running: read by idle()
  std::atomic<uint64_t> steps{0}, sequences{0};

  struct Slice {
    Job* job;
    std::span<const Token> tokens;
    size_t outputs;  // of the last rows: one gives the next token, the others check proposals
  };
  std::vector<Slice> slices;
  std::vector<Model::Rows> rows;
  std::vector<OutputNeed> needs;
  Costs costs;
  PromptPace pace;

  Impl(Model& m, const SpeculateOptions& s)
      : model(m), speculate(s), most_running(static_cast<size_t>(m.max_outputs())) {}

  void finish(Job& job, DoneReason reason) {
    const int64_t end = now_ns();
    job.stats.reason = reason;
    if (job.prompt_end_ns == 0) job.prompt_end_ns = end;
    job.stats.prompt_ns = job.first_ns == 0 ? 0 : job.prompt_end_ns - job.first_ns;
    job.stats.output_ns = end - job.prompt_end_ns;
    if (job.seq >= 0) {
      model.truncate(job.seq, static_cast<int>(job.tokens.size()));  // proposals behind the end
      model.close(job.seq, true);
    }
    job.seq = -1;
    // What was held back belongs to the answer unless a stop string was found.
    std::string rest = job.stop.flush();
    job.utf8.finish(rest);
    if (!rest.empty() && reason != DoneReason::cancelled) {
      TokenEvent event{-1, std::move(rest), {}};
      release_logprobs(job, event.text.size(), event.logprobs);
      job.request.sink->token(event);
    }
    job.request.sink->done(job.stats);
    drop(job);
  }
  void fail(Job& job, const Error& e) {
    if (job.seq >= 0) model.close(job.seq, false);
    job.seq = -1;
    job.request.sink->failed(e);
    drop(job);
  }
  void drop(Job& job) {
    {
      std::lock_guard lock(mutex);
      std::erase(views, job.view);
    }
    jobs.remove_if([&](const auto& j) { return j.get() == &job; });
    for (const auto& j : jobs) j->preempted = false;
    open_jobs.fetch_sub(1, std::memory_order_relaxed);
  }

  bool run_task();
  void admit();
  bool choose(bool with_proposals);
  size_t prompt_rows() const;
  bool computed_by_another(const Job& job) const;
  void add_proposals();
  bool take(Job& job, const RowOutput& output, Token proposal, size_t place);
  void take_all(const Slice& slice, std::span<const RowOutput> outputs);
  void learn_pace(int64_t ns);
  bool make_room(Job& job);
  bool preempt();
};

Scheduler::Scheduler(Model& model, const SpeculateOptions& speculate)
    : impl_(std::make_unique<Impl>(model, speculate)) {}
Scheduler::~Scheduler() = default;

RequestId Scheduler::submit(Request request) {
  ENGINE_CHECK(!request.prompt.empty() && request.sink != nullptr,
               "a request has a prompt and a sink");
  std::lock_guard lock(impl_->mutex);
  const std::span<const Token> never = impl_->model.suppressed_tokens();
  request.sampling.suppressed.insert(request.sampling.suppressed.end(), never.begin(), never.end());
  const RequestId id = impl_->next_id++;
  impl_->arrived.push_back(
      std::make_unique<Job>(id, std::move(request), impl_->speculate, impl_->model.info().n_vocab));
  impl_->views.push_back(impl_->arrived.back()->view);
  impl_->open_jobs.fetch_add(1, std::memory_order_relaxed);
  impl_->changed.notify_all();
  return id;
}

void Scheduler::cancel(RequestId id) {
  std::lock_guard lock(impl_->mutex);
  impl_->cancelled.insert(id);
  impl_->changed.notify_all();
}

void Scheduler::wake(RequestId) {
  std::lock_guard lock(impl_->mutex);
  impl_->poke = true;
  impl_->changed.notify_all();
}

void Scheduler::post(Task task) {
  std::lock_guard lock(impl_->mutex);
  impl_->tasks.push_back(std::move(task));
  impl_->open_jobs.fetch_add(1, std::memory_order_relaxed);
  impl_->changed.notify_all();
}

bool Scheduler::idle() const {
  return impl_->open_jobs.load(std::memory_order_relaxed) == 0;
}

SchedulerCounts Scheduler::counts() const {
  return {impl_->steps.load(std::memory_order_relaxed),
          impl_->sequences.load(std::memory_order_relaxed)};
}

std::vector<std::shared_ptr<const RunningRequest>> Scheduler::running() const {
  std::lock_guard lock(impl_->mutex);
  return impl_->views;
}

bool Scheduler::wait() {
  std::unique_lock lock(impl_->mutex);
  impl_->changed.wait(lock, [&] {
    const bool ready = std::any_of(impl_->jobs.begin(), impl_->jobs.end(),
                                   [](const auto& j) { return !j->resting; });
    return impl_->stopped || impl_->poke || ready || !impl_->arrived.empty() ||
           !impl_->tasks.empty() || !impl_->cancelled.empty();
  });
  return !impl_->stopped;
}

void Scheduler::stop() {
  std::lock_guard lock(impl_->mutex);
  impl_->stopped = true;
  impl_->changed.notify_all();
}

// One call of the oldest task. false: there is none.
bool Scheduler::Impl::run_task() {
  std::unique_lock lock(mutex);
  if (tasks.empty()) return false;
  Task task = std::move(tasks.front());
  tasks.pop_front();
  lock.unlock();
  const bool again = task(model);
  if (!again) task = nullptr;  // what it holds may ask whether the scheduler is idle
  lock.lock();
  if (again)
    tasks.push_back(std::move(task));
  else
    open_jobs.fetch_sub(1, std::memory_order_relaxed);
  return true;
}

void Scheduler::Impl::admit() {
  std::unordered_set<RequestId> gone;
  {
    std::lock_guard lock(mutex);
    for (auto& job : arrived) jobs.push_back(std::move(job));
    arrived.clear();
    gone.swap(cancelled);
    poke = false;
  }
  std::vector<Job*> end;
  for (const auto& job : jobs) {
    job->resting = !job->request.sink->room();
    if (gone.count(job->id) != 0) end.push_back(job.get());
  }
  for (Job* job : end) finish(*job, DoneReason::cancelled);
}

// The context is full: forget whole pages in the middle, or, where that is not possible, a part of
// it and read what is kept again as a prompt. false: the answer ends.
bool Scheduler::Impl::make_room(Job& job) {
  const int n_ctx = model.info().n_ctx, n = static_cast<int>(job.tokens.size());
  if (n < n_ctx) return true;
  if (!job.request.shift) return false;
  const int keep =
      std::clamp(job.request.num_keep < 0 ? job.stats.prompt_tokens : job.request.num_keep, 0,
                 std::max(0, n_ctx - 4));
  const int discard = std::max(1, (n - keep) / 2);
  const int begin = (keep + kPageTokens - 1) / kPageTokens * kPageTokens,
            pages = discard / kPageTokens * kPageTokens;
  const auto forget = [&job](int from, int to) {
    job.tokens.erase(job.tokens.begin() + from, job.tokens.begin() + to);
  };
  if (pages > 0 && model.shift(job.seq, begin, pages)) {
    forget(begin, begin + pages);
    job.speculator.forget(static_cast<size_t>(begin), static_cast<size_t>(pages));
  } else {
    forget(keep, std::min(n, keep + discard));
    model.close(job.seq, true);
    job.seq = -1;
    job.speculator.reset();
  }
  return true;
}

// Rows of prompts that the next step may have beside the sequences that give a token.
size_t Scheduler::Impl::prompt_rows() const {
  size_t generating = 0;
  bool begun = true;
  for (const auto& job : jobs) {
    if (job->seq < 0 || job->resting ||
        job->tokens.size() - static_cast<size_t>(model.past(job->seq)) != 1)
      continue;
    ++generating;
    begun = begun && job->stats.output_tokens <= 1;
  }
  return pace.rows(generating, begun);
}

// The step reads a prompt that begins as this one, further than it has come: what is computed there
// is found in the cache when it is done.
bool Scheduler::Impl::computed_by_another(const Job& job) const {
  return std::any_of(slices.begin(), slices.end(), [&](const Slice& s) {
    if (s.tokens.size() == 1 && s.outputs > 0) return false;  // it generates
    const std::vector<Token>& other = s.job->tokens;
    const size_t past = static_cast<size_t>(model.past(s.job->seq)),
                 most = std::min(other.size(), job.tokens.size() - 1);
    const auto end = other.begin() + static_cast<std::ptrdiff_t>(most);
    const size_t same = static_cast<size_t>(
        std::mismatch(other.begin(), end, job.tokens.begin()).first - other.begin());
    return same / kPageTokens > past / kPageTokens;
  });
}

// Rows of the next step: one per running sequence, then slices of prompts.
// false: nothing to compute.
bool Scheduler::Impl::choose(bool with_proposals) {
  slices.clear(), rows.clear(), needs.clear();
  size_t budget = static_cast<size_t>(model.max_rows()), running = 0, prompt_budget = prompt_rows();
  for (const auto& owned : jobs) {
    Job& job = *owned;
    if (job.resting || budget == 0 || running == most_running) continue;
    if (job.preempted && running > 0) continue;  // the oldest goes on in any case
    if (job.seq < 0) {
      if (prompt_budget == 0 || computed_by_another(job)) continue;
      Result<Model::SeqId> seq = model.open(job.tokens);
      if (!seq) continue;  // no room now: later
      job.seq = *seq;
      if (job.first_ns == 0) job.first_ns = now_ns(), job.stats.cached_tokens = model.past(job.seq);
    }
    const size_t past = static_cast<size_t>(model.past(job.seq)), left = job.tokens.size() - past;
    const size_t count = left == 1 ? 1 : std::min({left, budget, prompt_budget});
    if (count == 0) continue;
    if (left > 1) prompt_budget -= count;
    budget -= count, ++running;
    slices.push_back(
        {&job, std::span(job.tokens).subspan(past, count), count == left ? size_t{1} : 0});
  }
  if (with_proposals) add_proposals();
  for (const Slice& s : slices) needs.resize(needs.size() + s.tokens.size());
  size_t at = 0;
  for (const Slice& s : slices) {
    const size_t n = s.tokens.size();
    if (s.outputs > 0) {
      OutputNeed need = s.job->sampler.need(s.tokens.last(s.outputs - 1));
      if (s.job->request.logprobs >= 0) {
        need.logsumexp = true;
        if (need.kind == OutputNeed::top) need.k = std::max(need.k, s.job->request.logprobs);
      }
      std::fill_n(needs.begin() + static_cast<std::ptrdiff_t>(at + n - s.outputs), s.outputs, need);
    }
    rows.push_back({s.job->seq, s.tokens, std::span(needs).subspan(at, n)});
    at += n;
  }
  return !slices.empty();
}

// Rows that check proposals, while the step has few and no prompt.
void Scheduler::Impl::add_proposals() {
  int left = std::min({kMostSpeculativeRows, model.max_rows(), model.max_outputs()});
  StepLoad load{static_cast<int>(slices.size()), static_cast<int>(slices.size())};
  for (const Slice& s : slices)
    if (s.tokens.size() > 1 || s.outputs == 0) return;
  left -= load.rows;
  for (Slice& s : slices) {
    Job& job = *s.job;
    // Of the tokens drawn, only the last may reach the limit or fill the context.
    const int64_t limit = token_limit(job.request.max_tokens, model.info().n_ctx);
    const int64_t to_draw = std::min<int64_t>(
        limit - job.stats.output_tokens, model.info().n_ctx - static_cast<int>(job.tokens.size()));
    const int most = static_cast<int>(std::min<int64_t>(left, to_draw - 1));
    if (most <= 0) continue;
    const std::span<const Token> proposals = job.speculator.propose(job.tokens, most, load, costs);
    if (proposals.empty()) continue;
    job.ahead.assign(1, job.tokens.back());
    job.ahead.insert(job.ahead.end(), proposals.begin(), proposals.end());
    s.tokens = job.ahead, s.outputs = job.ahead.size();
    left -= static_cast<int>(proposals.size()), load.rows += static_cast<int>(proposals.size());
  }
}

void Scheduler::Impl::learn_pace(int64_t ns) {
  size_t generating = 0, prompt_rows = 0;
  for (const Slice& slice : slices) {
    if (slice.outputs > 1) return;  // proposals
    const bool generates = slice.tokens.size() == 1 && slice.outputs > 0;
    (generates ? generating : prompt_rows) += slice.tokens.size();
  }
  pace.add_step(generating, prompt_rows, ns);
}

// No pages left: the youngest sequence gives its pages back and is replayed later.
bool Scheduler::Impl::preempt() {
  size_t open = 0;
  for (const auto& j : jobs) open += j->seq >= 0;
  if (open < 2) return false;
  for (auto it = jobs.rbegin(); it != jobs.rend(); ++it)
    if ((*it)->seq >= 0) {
      model.close((*it)->seq, true);
      (*it)->seq = -1;
      (*it)->preempted = true;
      return true;
    }
  return false;
}

// The next token of the answer; proposal: what it was expected to be, or -1, and its place among the
// proposals. false: the job ended.
bool Scheduler::Impl::take(Job& job, const RowOutput& output, Token proposal, size_t place) {
  const auto finish = [&](DoneReason reason) { return this->finish(job, reason), false; };
  if (job.prompt_end_ns == 0) job.prompt_end_ns = now_ns();
  if (job.request.max_tokens == 0) return finish(DoneReason::length);
  const Token token = job.sampler.pick(output);
  grammar::Constraint* constraint = job.request.constraint.get();
  if (token == Sampler::kNothing || (constraint != nullptr && constraint->exhausted())) {
    fail(job, {Errc::invalid_argument, constraint->why()});
    return false;
  }
  job.sampler.accept(token);
  if (constraint != nullptr) constraint->accept(token);
  ++job.stats.output_tokens;
  job.view->output_tokens.store(job.stats.output_tokens, std::memory_order_relaxed);
  if (token == proposal) {
    ++job.stats.accepted_tokens;
    if (job.stats.accepted_at.size() <= place) job.stats.accepted_at.resize(place + 1);
    ++job.stats.accepted_at[place];
  }
  const Tokenizer* tokenizer = model.tokenizer();
  const bool end = tokenizer != nullptr && tokenizer->is_eog(token);
  if (end) return finish(DoneReason::stop);
  job.repeats = token == job.tokens.back() ? job.repeats + 1 : 0;
  job.tokens.push_back(token);
  job.stats.context.push_back(token);
  TokenEvent event{token, {}, {}};
  bool stopped = false;
  if (tokenizer != nullptr) {
    std::string whole;
    const std::vector<Token>& shown = job.request.shown;
    const bool show = std::find(shown.begin(), shown.end(), token) != shown.end();
    const std::string piece = tokenizer->piece(token, show);
    job.utf8.push(piece, whole);
    stopped = job.stop.push(whole, event.text);
    if (stopped) job.stats.stop_text = job.stop.found();
    if (job.request.logprobs >= 0) {
      job.pending.push_back(
          {token_logprob(*tokenizer, output, token, job.request.logprobs), job.piece_bytes});
      job.piece_bytes += piece.size();
      release_logprobs(job, event.text.size(), event.logprobs);
    }
  }
  job.request.sink->token(event);
  // Nothing but the end may follow: there is no need to draw it.
  if (constraint != nullptr && constraint->finished()) return finish(DoneReason::stop);
  // A limit that is reached with the stop string names the reason (sampling.md 5.1).
  const int64_t limit = token_limit(job.request.max_tokens, model.info().n_ctx);
  if (job.stats.output_tokens >= limit) return finish(DoneReason::length);
  if (stopped || job.repeats >= kRepeatGuard) return finish(DoneReason::stop);
  return make_room(job) || finish(DoneReason::length);
}

// The outputs of a slice, up to the first that is another token than was proposed.
void Scheduler::Impl::take_all(const Slice& slice, std::span<const RowOutput> outputs) {
  Job& job = *slice.job;
  const size_t proposed = outputs.size() - 1;
  job.stats.proposed_tokens += static_cast<int>(proposed);
  if (proposed > 0) ++job.stats.proposals;
  size_t accepted = 0;
  for (;; ++accepted) {
    const Token proposal = accepted < proposed ? slice.tokens[accepted + 1] : -1;
    if (!take(job, outputs[accepted], proposal, accepted)) return;
    if (accepted == proposed || job.tokens.back() != proposal) break;
  }
  if (proposed == 0) return;
  if (accepted < proposed) model.truncate(job.seq, static_cast<int>(job.tokens.size()) - 1);
  job.speculator.settle(static_cast<int>(accepted), costs);
}

bool Scheduler::step() {
  Impl& s = *impl_;
  const bool ran_task = s.run_task();
  s.admit();
  std::vector<Job*> long_ones;
  for (const auto& job : s.jobs)
    if (job->seq < 0 && static_cast<int>(job->tokens.size()) > s.model.info().n_ctx)
      long_ones.push_back(job.get());
  for (Job* job : long_ones)
    s.fail(*job,
           {Errc::invalid_argument,
            fmt::format(
                "the prompt is longer than the context length currently available to the model "
                "(prompt {} tokens, context {})",
                job->tokens.size(), s.model.info().n_ctx)});
  for (bool with_proposals = true;;) {
    if (!s.choose(with_proposals)) return ran_task;
    const int64_t begin = now_ns();
    Result<std::span<const RowOutput>> out = s.model.step(s.rows);
    if (!out && out.error().code == Errc::busy) {
      if (std::exchange(with_proposals, false) || s.preempt()) continue;
    }
    if (!out) {
      std::vector<Job*> all;
      for (const Impl::Slice& slice : s.slices) all.push_back(slice.job);
      for (Job* job : all) s.fail(*job, out.error());
      return true;
    }
    s.steps.fetch_add(1, std::memory_order_relaxed);
    s.sequences.fetch_add(s.slices.size(), std::memory_order_relaxed);
    s.learn_pace(now_ns() - begin);
    // Steps of few rows are those that proposals are weighed by; each of their rows has an output.
    if (out->size() == s.needs.size())
      s.costs.add_step(static_cast<int>(out->size()), now_ns() - begin);
    std::span<const RowOutput> rest = *out;
    for (const Impl::Slice& slice : std::vector<Impl::Slice>(s.slices)) {
      if (slice.outputs > 0) s.take_all(slice, rest.first(slice.outputs));
      rest = rest.subspan(slice.outputs);
    }
    return true;
  }
}

}  // namespace engine
