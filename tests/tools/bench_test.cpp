// The benchmark: lists of numbers, figures and their roofs, tables, work of a plan, profiles.
#include "engine/tools/bench.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "engine/core/json_io.h"
#include "engine/tools/bench_output.h"
#include "engine/tools/bench_profile.h"

namespace engine {
namespace {

TEST(Bench, ListsOfNumbers) {
  const auto list = [](const char* text) {
    std::vector<int> out;
    return parse_bench_ints(text, out) ? out : std::vector<int>{-1};
  };
  EXPECT_EQ(list("512"), (std::vector<int>{512}));
  EXPECT_EQ(list("1,2,8"), (std::vector<int>{1, 2, 8}));
  EXPECT_EQ(list("1-4"), (std::vector<int>{1, 2, 3, 4}));
  EXPECT_EQ(list("128-512+128"), (std::vector<int>{128, 256, 384, 512}));
  EXPECT_EQ(list("1-64*4,7"), (std::vector<int>{1, 4, 16, 64, 7}));
  for (const char* bad : {"", "a", "1,", "4-1", "1-8*1", "0-8*2", "1-8+0", "-1", "1-999999999"})
    EXPECT_EQ(list(bad), (std::vector<int>{-1})) << bad;
}

TEST(Bench, SizesOfModels) {
  EXPECT_EQ(model_size_label("qwen2", 28, 1536, 151936, 0), "1.5B");
  EXPECT_EQ(model_size_label("qwen2", 28, 3584, 152064, 0), "7B");
  EXPECT_EQ(model_size_label("llama", 32, 4096, 128256, 0), "8B");
  EXPECT_EQ(model_size_label("llama", 32, 4096, 32000, 0), "7B");
  EXPECT_EQ(model_size_label("llama", 32, 4096, 32000, 8), "8x7B");
  EXPECT_EQ(model_size_label("gemma3", 18, 640, 262144, 0), "270M");
  EXPECT_EQ(model_size_label("other", 1, 1, 1, 0), "?B");
}

BenchRow sample_row() {
  BenchRow row;
  row.test.model.shown = "a \"b\".gguf";
  row.test.n_gen = 128;
  row.test.n_depth = 4096;
  row.test.n_threads = 8;
  row.model_type = "qwen2 1.5B Q4_K - Medium";
  row.model_size = 1116691497;
  row.n_params = 1777088000;
  row.samples_ns = {1'000'000'000, 2'000'000'000};
  return row;
}

TEST(Bench, Statistics) {
  const BenchRow row = sample_row();
  EXPECT_DOUBLE_EQ(row.avg_ts(), 96);
  EXPECT_NEAR(row.stddev_ts(), 45.2548, 1e-3);
  EXPECT_EQ(row.test_name(), "tg128 @ d4096");
}

TEST(Bench, MarkdownIsTheKnownTable) {
  auto printer = std::move(*make_bench_printer("md", {"8cf427ff", 5163, -1, "cpu", "avx2"}));
  EXPECT_EQ(printer->header(),
            "| model                          |       size |     params | backend    | threads |   "
            "         test |                  t/s |\n"
            "| ------------------------------ | ---------: | ---------: | ---------- | ------: | "
            "--------------: | -------------------: |\n");
  EXPECT_EQ(printer->row(sample_row()),
            "| qwen2 1.5B Q4_K - Medium       |   1.04 GiB |     1.78 B | CPU        |       8 |   "
            "tg128 @ d4096 |        96.00 ± 45.25 |\n");
  EXPECT_EQ(printer->footer(), "\nbuild: 8cf427ff (5163)\n");
}

TEST(Bench, JsonIsJson) {
  auto printer = std::move(*make_bench_printer("json", {"c", 1, -1, "cpu", "avx2"}));
  std::string text = printer->header();
  for (int i = 0; i < 2; ++i) text += printer->row(sample_row());
  text += printer->footer();
  const auto json = parse_json(text);
  ASSERT_TRUE(json) << text;
  ASSERT_EQ(json->size(), 2u);
  EXPECT_EQ((*json)[0]["model_filename"], "a \"b\".gguf");
  EXPECT_EQ((*json)[0]["n_depth"], 4096);
  EXPECT_EQ((*json)[0]["no_host"], false);
  EXPECT_EQ((*json)[0]["samples_ns"][1], 2'000'000'000);
  EXPECT_TRUE((*json)[0]["avg_ts"].is_number_float());
}

TEST(Bench, CsvQuotes) {
  auto printer = std::move(*make_bench_printer("csv", {"c", 1, -1, "cpu", "avx2"}));
  EXPECT_TRUE(printer->header().starts_with("build_commit,build_number,cpu_info,"));
  EXPECT_TRUE(printer->header().ends_with(",test_time,avg_ns,stddev_ns,avg_ts,stddev_ts\n"));
  EXPECT_NE(printer->row(sample_row()).find("\"a \"\"b\"\".gguf\""), std::string::npos);
  EXPECT_FALSE(make_bench_printer("xml", {}));
}

BenchRow roofed_row() {
  BenchRow row = sample_row();
  row.test.n_depth = 0;
  row.test.n_gen = 32;
  row.test.n_parallel = 8;
  row.samples_ns = {1'000'000'000};
  row.work = {.weight_bytes = 15e9, .kv_bytes = 5e9, .int8_macs = 100e9, .f32_macs = 10e9};
  row.roofs = {.workers = 8,
               .read_gb_s = 40,
               .int8_gmac_s = 400,
               .f32_gmac_s = 100,
               .int8_chain = "vpdpbusd",
               .f32_chain = "fma"};
  return row;
}

TEST(Bench, FiguresBesideTheirRoofs) {
  const BenchRow row = roofed_row();
  EXPECT_DOUBLE_EQ(row.avg_ts(), 256);
  EXPECT_EQ(row.test_name(), "tg32 x8");
  EXPECT_DOUBLE_EQ(row.gb_per_s(), 20);
  EXPECT_DOUBLE_EQ(row.read_percent(), 50);
  EXPECT_DOUBLE_EQ(row.gmac_per_s(), 110);
  EXPECT_DOUBLE_EQ(row.mac_percent(), 35);  // a quarter of a second, and a tenth
  EXPECT_EQ(sample_row().read_percent(), 0);
}

TEST(Bench, RoofColumnsFollowTheOthers) {
  BenchContext context{"c", 1, -1, "cpu", "avx2"};
  context.roof_columns = true;
  auto md = std::move(*make_bench_printer("md", context));
  EXPECT_NE(md->header().find("t/s |  GB/s (% read) | GMAC/s (% peak) |\n"), std::string::npos);
  EXPECT_TRUE(md->row(roofed_row()).ends_with("|     20.0 (50%) |     110.0 (35%) |\n"));
  EXPECT_TRUE(md->footer().starts_with(
      "\nroofs of 8 threads: read 40.0-40.0 GB/s, before each test; int8 400 GMAC/s (vpdpbusd)"));
  auto csv = std::move(*make_bench_printer("csv", context));
  EXPECT_TRUE(csv->header().ends_with(
      ",stddev_ts,n_parallel,gb_per_s,pct_of_read_bw,gmac_per_s,pct_of_mac_peak,read_gb_per_s,"
      "int8_gmac_per_s,f32_gmac_per_s\n"));
  auto jsonl = std::move(*make_bench_printer("jsonl", {"c", 1, -1, "cpu", "avx2"}));
  const auto json = parse_json(jsonl->row(roofed_row()));
  ASSERT_TRUE(json);
  EXPECT_EQ((*json)["n_parallel"], 8);
  EXPECT_EQ((*json)["pct_of_read_bw"], 50.0);
  EXPECT_EQ((*json)["bytes"], 20'000'000'000);
  EXPECT_EQ((*json)["f32_macs"], 10'000'000'000);
}

PlanReport sample_plan() {
  StepReport matmul, experts, attend, head;
  matmul.op = "matmul", matmul.kernel = "matmul/q4_1/avx2", matmul.k = 10, matmul.out = 100;
  matmul.bytes = 1000, matmul.row_macs = 1000, matmul.int8 = true, matmul.pass_rows = 16;
  experts = matmul;
  experts.op = "expert_matmul", experts.n_expert = 4, experts.n_used = 1, experts.bytes = 4000;
  attend.op = "attend", attend.kernel = "attention/attend_f16/avx2";
  attend.key_macs = 8, attend.key_bytes = 4, attend.window = 6;
  head = matmul;
  head.kernel = "matmul/f32/avx2", head.int8 = false, head.outputs = true;
  PlanReport plan;
  plan.steps = {matmul, experts, attend, head};
  plan.workers = 2;
  return plan;
}

TEST(PassWork, CountsWhatAStepReadsAndComputes) {
  const PlanReport plan = sample_plan();
  const SequenceRows one[] = {{4, 1}};
  const PassWork w = pass_work(plan, one, 1);
  EXPECT_DOUBLE_EQ(w.weight_bytes, 1000 + 1000 + 1000);  // one expert of four
  EXPECT_DOUBLE_EQ(w.kv_bytes, 5 * 4);
  EXPECT_DOUBLE_EQ(w.int8_macs, 2000);
  EXPECT_DOUBLE_EQ(w.f32_macs, 1000 + 5 * 8);
}

TEST(PassWork, ManyRowsReadWeightsOncePerPassOfTheDriver) {
  const PlanReport plan = sample_plan();
  const SequenceRows prompt[] = {{0, 40}};
  const PassWork matmul = step_work(plan.steps[0], prompt, 1);
  EXPECT_DOUBLE_EQ(matmul.weight_bytes, 3 * 1000);  // 16 rows at a time
  EXPECT_DOUBLE_EQ(matmul.int8_macs, 40 * 1000);
  EXPECT_DOUBLE_EQ(step_work(plan.steps[3], prompt, 1).weight_bytes, 1000);  // one row of 40
  EXPECT_DOUBLE_EQ(step_work(plan.steps[3], prompt, 0).weight_bytes, 0);
  const PassWork attend = step_work(plan.steps[2], prompt, 1);
  EXPECT_DOUBLE_EQ(attend.kv_bytes, 40 * 4);
  EXPECT_DOUBLE_EQ(attend.f32_macs, (1 + 2 + 3 + 4 + 5 + 35 * 6) * 8);
  const SequenceRows two[] = {{10, 1}, {2, 1}};  // the window hides what lies further back
  EXPECT_DOUBLE_EQ(step_work(plan.steps[2], two, 2).kv_bytes, (6 + 3) * 4);
}

TEST(Profile, StepsOfAKindAreSummed) {
  PlanReport plan = sample_plan();
  plan.steps.push_back(plan.steps[0]);
  plan.steps[0].run_ns = 3'000'000, plan.steps[4].run_ns = 1'000'000;
  plan.steps[4].wait_ns = 400'000;
  plan.profiled = 2, plan.profiled_ns = 2'400'000;
  std::vector<PassWork> work(5);
  work[0].weight_bytes = work[4].weight_bytes = 1e6;
  const std::string text = profile_table(plan, work);
  EXPECT_TRUE(text.starts_with("2 passes of 1200.0 us, 2 threads: 83.3 % in steps, 8.3 % waiting"))
      << text;
  // Two steps, 1000 us per pass and worker for a million bytes.
  EXPECT_NE(text.find("  83.3     1000.0      100.0      2  matmul         matmul/q4_1/avx2"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find(" 1.0 "), std::string::npos);
  EXPECT_EQ(profile_table({}, {}), "no pass was profiled\n");
}

TEST(Profile, OfAModelCoversItsPasses) {
  const auto pool = ThreadPool::create(PoolKind::native, 2);
  BenchGrid grid;
  grid.models = {{"synth:smollm2-135m:Q4_0", "", "smollm2-135m:Q4_0"}};
  grid.n_prompt = {}, grid.n_gen = {2}, grid.n_parallel = {1, 3}, grid.n_threads = {2};
  grid.n_depth = {5};
  grid.repetitions = 1, grid.roofs = false, grid.profile = true;
  std::vector<BenchRow> rows;
  const Status status = run_bench(grid, *pool, [&](const BenchRow& r) { rows.push_back(r); }, {});
  ASSERT_TRUE(status) << status.error().message;
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[1].test_name(), "tg2 x3 @ d5");
  EXPECT_TRUE(rows[0].profile.starts_with("2 passes of ")) << rows[0].profile;
  // The weights are read once for all sequences, the cache once for each.
  EXPECT_DOUBLE_EQ(rows[0].work.weight_bytes, 2.0 * static_cast<double>(rows[0].bytes_per_token));
  EXPECT_DOUBLE_EQ(rows[1].work.weight_bytes, rows[0].work.weight_bytes);
  EXPECT_DOUBLE_EQ(rows[0].work.kv_bytes, (6 + 7) * 23040.0);
  EXPECT_DOUBLE_EQ(rows[1].work.kv_bytes, 3 * rows[0].work.kv_bytes);
  EXPECT_DOUBLE_EQ(rows[1].work.int8_macs, 3 * rows[0].work.int8_macs);
}

TEST(Roofs, AreMeasured) {
  const auto pool = ThreadPool::create(PoolKind::native, 1);
  const roofs::Roofs scalar = roofs::measure_peaks(*pool, 1, 0, 0.01);
  EXPECT_GT(scalar.int8_gmac_s, 0);
  EXPECT_GT(scalar.f32_gmac_s, 0);
  EXPECT_EQ(scalar.int8_chain, "int8, baseline");
  const Buffer memory = std::move(*Buffer::allocate(1 << 20));
  EXPECT_GT(roofs::read_speed(*pool, 1, memory, 0.01), 0);
}

}  // namespace
}  // namespace engine
