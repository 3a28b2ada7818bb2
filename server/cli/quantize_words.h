// What the words of `engine quantize` (and of llama-quantize) ask for.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/core/result.h"
#include "engine/quantize/quantize.h"
#include "server/cli/flags.h"

namespace engine::cli {

struct QuantizeCommand {
  std::string input, output;
  const quant::MixInfo* mix = nullptr;
  std::string type_name;                      // as the messages call it: "Q4_K_M", "COPY"
  int threads = 0;                            // 0: all
  quant::QuantizeOptions options;             // without the importance
  std::string importance_path;                // "": none
  std::vector<std::string> include, exclude;  // parts of names of its entries
};

// Words: IN [OUT] TYPE [THREADS]. Without OUT it lies beside IN: ggml-model-TYPE.gguf.
// Errc::invalid_argument: "missing ftype", "invalid ftype '...'" with the types there are, values that do not fit a flag.
Result<QuantizeCommand> parse_quantize(const Args& args);

// The entries that the flags leave.
void filter_importance(quant::Importance& importance, const QuantizeCommand& command);

}  // namespace engine::cli
