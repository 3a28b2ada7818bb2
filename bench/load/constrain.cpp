#include <fmt/format.h>

#include "bench/load/load.h"

namespace engine::load {

int constrain(const Target& t) {
  const nlohmann::json schema = nlohmann::json::parse(R"({
    "type": "object",
    "properties": {
      "title": {"type": "string", "minLength": 20, "maxLength": 60},
      "kind": {"enum": ["first", "second", "third"]},
      "values": {"type": "array", "items": {"type": "number"}, "minItems": 200}
    },
    "required": ["title", "kind", "values"]
  })");
  const auto ask = [&](const nlohmann::json& format) {
    nlohmann::json body = {
        {"model", t.model},
        {"prompt", "Describe a measurement."},
        {"options", {{"num_predict", t.tokens}, {"temperature", 0.8}, {"seed", t.seed}}}};
    if (!format.is_null()) body["format"] = format;
    return post(t, "/api/generate", body);
  };
  ask(nullptr);
  std::vector<double> free, bound, ratios;
  for (int run = 0; run < t.runs; ++run) {
    const bool swap = run % 2 == 1;
    const Answer one = ask(swap ? schema : nlohmann::json()),
                 two = ask(swap ? nlohmann::json() : schema);
    const Answer &f = swap ? two : one, &b = swap ? one : two;
    if (!f.ok() || !b.ok()) return fmt::print("failed: {} {}\n", f.error, b.error), 1;
    free.push_back(f.rate()), bound.push_back(b.rate()), ratios.push_back(b.rate() / f.rate());
  }
  fmt::print(
      "free {:.1f} tokens/s, with a schema {:.1f}: {:.1f} % (median of {} pairs; {:.1f}-{:.1f})\n",
      median(free), median(bound), 100 * median(ratios), t.runs, 100 * percentile(ratios, 0),
      100 * percentile(ratios, 1));
  return 0;
}

}  // namespace engine::load
