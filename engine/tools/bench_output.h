// The benchmark's rows as a Markdown table, CSV, JSON, JSON lines
// or SQL, in the columns of llama-bench.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "engine/core/result.h"
#include "engine/tools/bench.h"

namespace engine {

// What is the same for all rows.
struct BenchContext {
  std::string build_commit;
  int build_number = 0;
  int flash_attn = -1;        // -1: auto; 1: asked for, and a column of Markdown
  std::string cpu_info, isa;  // isa: instruction sets in use, an extra key of the JSON forms
  // Markdown: shown when several or not the default
  bool kv_type_column = false, batch_column = false, ubatch_column = false;
  bool roof_columns = false;  // Markdown and CSV: GB/s, GMAC/s and their roofs, behind the others
};

class BenchPrinter {
 public:
  virtual ~BenchPrinter() = default;
  virtual std::string header() const { return {}; }
  virtual std::string row(const BenchRow& row) = 0;
  virtual std::string footer() const { return {}; }
};

// format: md, csv, json, jsonl, sql. Errc::invalid_argument.
Result<std::unique_ptr<BenchPrinter>> make_bench_printer(std::string_view format,
                                                         const BenchContext& context);

}  // namespace engine
