// Metrics: what the server counts, as text for Prometheus.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/run/model_pool.h"
#include "engine/run/request.h"

namespace engine {

// Times sorted into buckets.
class Histogram {
 public:
  static constexpr std::array<double, 12> kBounds = {0.005, 0.01, 0.025, 0.05, 0.1, 0.25,
                                                     0.5,   1,    2.5,   5,    10,  60};
  void add(double seconds);
  // The lines of one metric.
  void append(std::string_view name, std::string& out) const;

 private:
  std::array<uint64_t, kBounds.size() + 1> counts_{};  // the last: above all bounds
  double sum_ = 0;
};

// Thread-safe.
class Metrics {
 public:
  // route: of the list of routes, so that their number is bounded.
  void request(std::string_view route, int status, std::chrono::nanoseconds duration);
  void first_token(std::chrono::nanoseconds since_arrival);
  void answer(const std::string& model, const GenerateStats& stats);

  // compat: every name a second time with the prefix of llama.cpp's server.
  // Remembers the counters: rates are those since the last call.
  std::string text(const ModelPool& pool, bool compat);

 private:
  struct PerModel {
    uint64_t prompt = 0, cached = 0, predicted = 0, proposed = 0, accepted = 0, proposals = 0,
             longest = 0;
    std::vector<uint64_t> accepted_at;  // by the place among the proposals of a step
    int64_t prompt_ns = 0, predicted_ns = 0;
    // at the last scrape
    uint64_t old_prompt = 0, old_predicted = 0;
    int64_t old_prompt_ns = 0, old_predicted_ns = 0;
  };
  std::mutex mutex_;
  std::map<std::pair<std::string, int>, uint64_t> requests_;
  std::map<std::string, PerModel> models_;
  Histogram request_seconds_, first_token_seconds_;
};

// Counts an answer on its way to the sink behind it.
class MeasuredSink : public Sink {
 public:
  MeasuredSink(std::shared_ptr<Sink> sink, std::shared_ptr<Metrics> metrics, std::string model,
               std::chrono::steady_clock::time_point arrival)
      : sink_(std::move(sink)),
        metrics_(std::move(metrics)),
        model_(std::move(model)),
        arrival_(arrival) {}

  bool room() const override { return sink_->room(); }
  void token(const TokenEvent& event) override;
  void done(const GenerateStats& stats) override;
  void failed(const Error& error) override { sink_->failed(error); }

 private:
  const std::shared_ptr<Sink> sink_;
  const std::shared_ptr<Metrics> metrics_;
  const std::string model_;
  const std::chrono::steady_clock::time_point arrival_;
  bool begun_ = false;
};

}  // namespace engine
