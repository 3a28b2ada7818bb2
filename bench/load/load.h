// bench_load: clients of a running server, to measure it and to push it. What all scenarios share.
// Every wait is bounded: a server that hangs ends a request with an error, not the program.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace engine::load {

struct Target {
  std::string host = "127.0.0.1", port = "11434", model;
  int pid = 0;  // of the server, to read its memory; 0: unknown
  int clients = 8, tokens = 128, runs = 5;
  double minutes = 1;
  uint64_t seed = 1;
};

double now();  // seconds

struct Answer {
  int status = 0;          // 0: no answer, `error` says why
  std::string error;       // of the connection, or the server's
  std::vector<double> at;  // when each object with text came
  std::string text;
  nlohmann::json last;  // the object that ends the answer
  double started = 0, ended = 0;

  bool ok() const { return status == 200 && error.empty(); }
  double seconds(const char* key) const { return last.value(key, 0.0) * 1e-9; }
  int count(const char* key) const { return last.value(key, 0); }
  double rate() const { return count("eval_count") / seconds("eval_duration"); }
};

// Called for each object of a stream; false: hang up.
using OnObject = std::function<bool(const nlohmann::json&)>;

// One request on a connection of its own.
Answer post(const Target&, const std::string& path, const nlohmann::json& body,
            const OnObject& on_object = {});
Answer get(const Target&, const std::string& path);

// POST /api/generate without a template.
Answer generate(const Target&, const std::string& prompt, int tokens,
                const nlohmann::json& options = nlohmann::json::object(),
                const OnObject& on_object = {});

// The same function on n threads at once.
void together(int n, const std::function<void(int)>& work);

int connect_to(const Target&);                          // a socket, or -1
int64_t resident_kib(int pid);                          // 0: unknown
double metric(const Target&, const std::string& name);  // the sum over labels

double median(std::vector<double>);
double percentile(std::vector<double>, double);
std::string words(uint64_t seed, int n);  // n English words, for long prompts

struct Scenario {
  const char *name, *help;
  int (*run)(const Target&);  // the exit status
};
#define SCENARIO(name, help) int name(const Target&);
#include "bench/load/scenarios.inc"
#undef SCENARIO

}  // namespace engine::load
