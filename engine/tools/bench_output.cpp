// Printers of the benchmark. One list of fields feeds every format.
#include "engine/tools/bench_output.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <vector>

#include "engine/core/json_io.h"

namespace engine {
namespace {

enum class Kind : uint8_t { text, integer, boolean, real };

struct Field {
  const char* name;
  Kind kind;
  std::string value;
};

std::string number(double v) {
  return fmt::format("{}", static_cast<int64_t>(std::llround(v)));
}

std::vector<Field> fields_of(const BenchRow& r, const BenchContext& c) {
  const BenchCase& t = r.test;
  const auto n = [](int64_t v) { return fmt::format("{}", v); };
  using enum Kind;
  return {{"build_commit", text, c.build_commit},
          {"build_number", integer, n(c.build_number)},
          {"cpu_info", text, c.cpu_info},
          {"gpu_info", text, ""},
          {"backends", text, "CPU"},
          {"model_filename", text, t.model.shown},
          {"model_type", text, r.model_type},
          {"model_size", integer, n(r.model_size)},
          {"model_n_params", integer, n(r.n_params)},
          {"n_batch", integer, n(t.n_batch)},
          {"n_ubatch", integer, n(t.n_ubatch)},
          {"n_threads", integer, n(t.n_threads)},
          {"cpu_mask", text, "0x0"},
          {"cpu_strict", boolean, "0"},
          {"poll", integer, "50"},
          {"type_k", text, t.kv_type},
          {"type_v", text, t.kv_type},
          {"n_gpu_layers", integer, "-1"},
          {"n_cpu_moe", integer, "0"},
          {"split_mode", text, "layer"},
          {"main_gpu", integer, "0"},
          {"no_kv_offload", boolean, "0"},
          {"flash_attn", integer, n(c.flash_attn)},
          {"devices", text, "auto"},
          {"tensor_split", text, "0.00"},
          {"tensor_buft_overrides", text, "none"},
          {"load_mode", text, "auto"},
          {"lazy_mode", text, "auto"},
          {"embeddings", boolean, "0"},
          {"no_op_offload", integer, "0"},
          {"no_host", boolean, "0"},
          {"repack", boolean, "1"},
          {"fit_target", integer, "0"},
          {"fit_min_ctx", integer, "0"},
          {"n_prompt", integer, n(t.n_prompt)},
          {"n_gen", integer, n(t.n_gen)},
          {"n_depth", integer, n(t.n_depth)},
          {"test_time", text, r.test_time},
          {"avg_ns", integer, number(r.avg_ns())},
          {"stddev_ns", integer, number(r.stddev_ns())},
          {"avg_ts", real, fmt::format("{:.6f}", r.avg_ts())},
          {"stddev_ts", real, fmt::format("{:.6f}", r.stddev_ts())}};
}

// What llama-bench does not have, behind its columns.
std::vector<Field> roof_fields_of(const BenchRow& r) {
  using enum Kind;
  const auto real_of = [](double v) { return fmt::format("{:.3f}", v); };
  return {{"n_parallel", integer, fmt::format("{}", r.test.n_parallel)},
          {"gb_per_s", real, real_of(r.gb_per_s())},
          {"pct_of_read_bw", real, real_of(r.read_percent())},
          {"gmac_per_s", real, real_of(r.gmac_per_s())},
          {"pct_of_mac_peak", real, real_of(r.mac_percent())},
          {"read_gb_per_s", real, real_of(r.roofs.read_gb_s)},
          {"int8_gmac_per_s", real, real_of(r.roofs.int8_gmac_s)},
          {"f32_gmac_per_s", real, real_of(r.roofs.f32_gmac_s)}};
}

std::vector<Field> all_fields_of(const BenchRow& r, const BenchContext& c) {
  std::vector<Field> out = fields_of(r, c);
  if (!c.roof_columns) return out;
  for (Field& f : roof_fields_of(r)) out.push_back(std::move(f));
  return out;
}

// "key": value pairs, each with the separator of its format behind it.
std::vector<std::string> json_pairs(const BenchRow& r, const BenchContext& c) {
  std::vector<std::string> out;
  const auto quoted = [](const std::string& s) { return dump_json(Json(s)); };
  for (const Field& f : fields_of(r, c)) {
    out.push_back(fmt::format("\"{}\": {}", f.name,
                              f.kind == Kind::text      ? quoted(f.value)
                              : f.kind == Kind::boolean ? (f.value == "1" ? "true" : "false")
                                                        : f.value));
  }
  std::string ns, ts;
  for (const int64_t v : r.samples_ns) ns += fmt::format("{}{}", ns.empty() ? "" : ", ", v);
  for (const double v : r.samples_ts()) ts += fmt::format("{}{:.6g}", ts.empty() ? "" : ", ", v);
  out.push_back("\"samples_ns\": [ " + ns + " ]");
  out.push_back("\"samples_ts\": [ " + ts + " ]");
  out.push_back("\"engine\": true");
  out.push_back("\"isa\": " + quoted(c.isa));
  out.push_back(fmt::format("\"bytes_per_token\": {}", r.bytes_per_token));
  for (const Field& f : roof_fields_of(r))  // the peaks are 0 when they were not measured
    out.push_back(fmt::format("\"{}\": {}", f.name, f.value));
  out.push_back(fmt::format("\"bytes\": {:.0f}, \"int8_macs\": {:.0f}, \"f32_macs\": {:.0f}",
                            r.work.bytes(), r.work.int8_macs, r.work.f32_macs));
  return out;
}

class Markdown : public BenchPrinter {
 public:
  explicit Markdown(const BenchContext& c) : c_(c) {}
  std::string header() const override {
    std::string line = fmt::format("| {:<30} | {:>10} | {:>10} | {:<10} | {:>7} |", "model", "size",
                                   "params", "backend", "threads");
    std::string rule =
        fmt::format("| {:-<30} | {:->9}: | {:->9}: | {:-<10} | {:->6}: |", "", "", "", "", "");
    const auto column = [&](const char* name, int width, bool left) {
      line += left ? fmt::format(" {:<{}} |", name, width) : fmt::format(" {:>{}} |", name, width);
      rule +=
          left ? fmt::format(" {:-<{}} |", "", width) : fmt::format(" {:->{}}: |", "", width - 1);
    };
    if (c_.batch_column) column("n_batch", 7, false);
    if (c_.ubatch_column) column("n_ubatch", 8, false);
    if (c_.kv_type_column) column("type_k", 6, true), column("type_v", 6, true);
    if (c_.flash_attn != -1) column("fa", 3, false);
    column("test", 15, false);
    column("t/s", 20, false);
    if (c_.roof_columns) column("GB/s (% read)", 14, false), column("GMAC/s (% peak)", 15, false);
    return line + "\n" + rule + "\n";
  }
  std::string row(const BenchRow& r) override {
    const BenchCase& t = r.test;
    const double size = static_cast<double>(r.model_size), params = static_cast<double>(r.n_params);
    std::string line =
        fmt::format("| {:<30} | {:>10} | {:>10} | {:<10} | {:>7} |", r.model_type,
                    r.model_size < (int64_t{1} << 30) ? fmt::format("{:.2f} MiB", size / (1 << 20))
                                                      : fmt::format("{:.2f} GiB", size / (1 << 30)),
                    r.n_params < 1'000'000'000 ? fmt::format("{:.2f} M", params / 1e6)
                                               : fmt::format("{:.2f} B", params / 1e9),
                    "CPU", t.n_threads);
    if (c_.batch_column) line += fmt::format(" {:>7} |", t.n_batch);
    if (c_.ubatch_column) line += fmt::format(" {:>8} |", t.n_ubatch);
    if (c_.kv_type_column) line += fmt::format(" {:<6} | {:<6} |", t.kv_type, t.kv_type);
    if (c_.flash_attn != -1) line += fmt::format(" {:>3} |", c_.flash_attn);
    line += fmt::format(" {:>15} | {:>20} |", r.test_name(),
                        fmt::format("{:.2f} ± {:.2f}", r.avg_ts(), r.stddev_ts()));
    if (c_.roof_columns) {
      line += fmt::format(" {:>14} | {:>15} |",
                          fmt::format("{:.1f} ({:.0f}%)", r.gb_per_s(), r.read_percent()),
                          fmt::format("{:.1f} ({:.0f}%)", r.gmac_per_s(), r.mac_percent()));
    }
    if (r.roofs.workers > 0) roofs_[r.roofs.workers].push_back(r.roofs);
    return line + "\n";
  }
  std::string footer() const override {
    std::string out = "\n";
    for (const auto& [n, seen] : roofs_) {
      double low = seen[0].read_gb_s, high = low;
      for (const roofs::Roofs& r : seen)
        low = std::min(low, r.read_gb_s), high = std::max(high, r.read_gb_s);
      out += fmt::format(
          "roofs of {} thread{}: read {:.1f}-{:.1f} GB/s, before each test; int8 {:.0f} GMAC/s "
          "({}); "
          "f32 {:.0f} GMAC/s ({})\n",
          n, n == 1 ? "" : "s", low, high, seen[0].int8_gmac_s, seen[0].int8_chain,
          seen[0].f32_gmac_s, seen[0].f32_chain);
    }
    return out + fmt::format("build: {} ({})\n", c_.build_commit, c_.build_number);
  }

 private:
  BenchContext c_;
  std::map<int, std::vector<roofs::Roofs>> roofs_;  // by threads
};

class Csv : public BenchPrinter {
 public:
  explicit Csv(const BenchContext& c) : c_(c) {}
  std::string header() const override {
    std::string line;
    for (const Field& f : all_fields_of(BenchRow{}, c_))
      line += (line.empty() ? "" : ",") + std::string(f.name);
    return line + "\n";
  }
  std::string row(const BenchRow& r) override {
    std::string line;
    for (const Field& f : all_fields_of(r, c_)) {
      if (!line.empty()) line += ',';
      line += '"';
      for (const char ch : f.value) line += ch == '"' ? std::string("\"\"") : std::string(1, ch);
      line += '"';
    }
    return line + "\n";
  }

 private:
  BenchContext c_;
};

class JsonList : public BenchPrinter {
 public:
  explicit JsonList(const BenchContext& c) : c_(c) {}
  std::string header() const override { return "[\n"; }
  std::string row(const BenchRow& r) override {
    std::string out = first_ ? "  {\n" : ",\n  {\n";
    first_ = false;
    const std::vector<std::string> pairs = json_pairs(r, c_);
    for (size_t i = 0; i < pairs.size(); ++i)
      out += "    " + pairs[i] + (i + 1 < pairs.size() ? ",\n" : "\n");
    return out + "  }";
  }
  std::string footer() const override { return "\n]\n"; }

 private:
  BenchContext c_;
  bool first_ = true;
};

class JsonLines : public BenchPrinter {
 public:
  explicit JsonLines(const BenchContext& c) : c_(c) {}
  std::string row(const BenchRow& r) override {
    std::string out = "{";
    for (const std::string& pair : json_pairs(r, c_)) out += (out.size() > 1 ? ", " : "") + pair;
    return out + "}\n";
  }

 private:
  BenchContext c_;
};

class Sql : public BenchPrinter {
 public:
  explicit Sql(const BenchContext& c) : c_(c) {}
  std::string header() const override {
    std::string columns;
    for (const Field& f : fields_of(BenchRow{}, c_)) {
      const char* type = f.kind == Kind::text ? "TEXT" : f.kind == Kind::real ? "REAL" : "INTEGER";
      columns += fmt::format("{}  {} {}", columns.empty() ? "" : ",\n", f.name, type);
    }
    return "CREATE TABLE IF NOT EXISTS llama_bench (\n" + columns + "\n);\n\n";
  }
  std::string row(const BenchRow& r) override {
    std::string names, values;
    for (const Field& f : fields_of(r, c_)) {
      names += (names.empty() ? "" : ", ") + std::string(f.name);
      std::string value;
      for (const char ch : f.value) value += ch == '\'' ? std::string("''") : std::string(1, ch);
      values += (values.empty() ? "'" : ", '") + value + "'";
    }
    return "INSERT INTO llama_bench (" + names + ") VALUES (" + values + ");\n";
  }

 private:
  BenchContext c_;
};

}  // namespace

Result<std::unique_ptr<BenchPrinter>> make_bench_printer(std::string_view format,
                                                         const BenchContext& c) {
  if (format == "md") return std::unique_ptr<BenchPrinter>(new Markdown(c));
  if (format == "csv") return std::unique_ptr<BenchPrinter>(new Csv(c));
  if (format == "json") return std::unique_ptr<BenchPrinter>(new JsonList(c));
  if (format == "jsonl") return std::unique_ptr<BenchPrinter>(new JsonLines(c));
  if (format == "sql") return std::unique_ptr<BenchPrinter>(new Sql(c));
  return Error{
      Errc::invalid_argument,
      fmt::format("unknown output format \"{}\" (known: md, csv, json, jsonl, sql)", format)};
}

}  // namespace engine
