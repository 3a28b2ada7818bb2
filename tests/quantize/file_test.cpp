// Whole files: every type loads and runs, what is kept, what is refused, what is left behind.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "engine/quantize/create.h"
#include "engine/quantize/quantize.h"
#include "engine/quantize/quantizer.h"
#include "engine/quantize/split.h"
#include "tests/quantize/model.h"

namespace engine::quant {
namespace {

using testing::SmallModel;

class QuantizeFile : public ::testing::Test {
 protected:
  Result<QuantizeResult> run(const std::string& in, const std::string& out, const char* type,
                             const QuantizeOptions& options = {}, const OnProgress& progress = {}) {
    return quantize_file({in}, out, *find_mix(type), options, *pool_, progress);
  }
  std::string message(const std::string& in, const std::string& out, const char* type,
                      const QuantizeOptions& options = {}) {
    const auto r = run(in, out, type, options);
    EXPECT_FALSE(r) << type;
    return r ? "" : r.error().message;
  }
  std::string source(const SmallModel& m = {}) {
    const std::string path = dir_.file("source.gguf");
    testing::write_small_model(path, m);
    return path;
  }
  DType type_in(const std::string& path, const char* tensor) {
    const auto file = gguf::File::open(path);
    EXPECT_TRUE(file);
    const auto t = file->find(tensor);
    EXPECT_TRUE(t.has_value()) << tensor;
    return t ? t->dtype : DType::count_;
  }

  gguf::TempDir dir_;
  std::unique_ptr<ThreadPool> pool_ = make_native_pool(3);
};

TEST_F(QuantizeFile, EveryTypeLoadsAndRuns) {
  const std::string in = source();
  const std::vector<float> exact = testing::logits_of(in, *pool_);
  std::vector<std::string> names;
  std::string list = writable_mixes() + ", ";
  while (!list.empty()) {
    names.push_back(list.substr(0, list.find(',')));
    list.erase(0, list.find(',') + 2);
  }
  ASSERT_EQ(names.size(), 20u);
  for (const std::string& name : names) {
    SCOPED_TRACE(name);
    if (name == "Q2_K_S") continue;  // wants a matrix: a test of its own
    const std::string out = dir_.file(name + ".gguf");
    const auto r = run(in, out, name.c_str());
    ASSERT_TRUE(r) << r.error().message;
    EXPECT_EQ(r->files, std::vector<std::string>{out});
    EXPECT_EQ(r->new_bytes < r->bytes, name != "F32" && name != "F16" && name != "BF16")
        << r->new_bytes;
    const std::vector<float> logits = testing::logits_of(out, *pool_);
    ASSERT_EQ(logits.size(), exact.size());
    // Bits decide how far the answers move.
    const double d = testing::distance(logits, exact);
    const char digit = name[name.find_first_of("234568F")];
    const double bound = digit == 'F'   ? 1e-3
                         : digit == '8' ? 2e-3
                         : digit == '6' ? 1e-2
                         : digit == '5' ? 0.04
                         : digit == '4' ? 0.15
                         : digit == '3' ? 0.5
                                        : 0.9;
    EXPECT_LT(d, bound);
    const auto file = gguf::File::open(out);
    ASSERT_TRUE(file);
    EXPECT_EQ(*file->u32("general.file_type"), static_cast<uint32_t>(find_mix(name)->type));
    EXPECT_EQ(*file->u32("general.quantization_version"), 2u);
    EXPECT_EQ(*file->str("general.name"), "small");
    EXPECT_EQ(file->find("blk.0.attn_norm.weight")->dtype, DType::f32);
  }
}

TEST_F(QuantizeFile, SourcesOfAllFloatTypesAndCopies) {
  for (const DType t : {DType::f32, DType::f16, DType::bf16}) {
    const std::string in = source({.type = t}), out = dir_.file("out.gguf");
    ASSERT_TRUE(run(in, out, "Q8_0"));
    EXPECT_LT(testing::distance(testing::logits_of(out, *pool_), testing::logits_of(in, *pool_)),
              1e-3);
    QuantizeOptions copy;
    copy.copy = true;
    ASSERT_TRUE(run(in, dir_.file("copy.gguf"), "F32", copy));
    EXPECT_EQ(type_in(dir_.file("copy.gguf"), "blk.0.attn_q.weight"), t);
    EXPECT_EQ(testing::logits_of(dir_.file("copy.gguf"), *pool_), testing::logits_of(in, *pool_));
  }
}

TEST_F(QuantizeFile, AnyNumberOfThreadsAndAnyBufferGiveTheSameFile) {
  const std::string in = source();
  std::string first;
  for (const int threads : {1, 2, 5}) {
    for (const size_t buffer : {size_t{1}, size_t{20000}, size_t{32} << 20}) {
      pool_ = make_native_pool(threads);
      QuantizeOptions o;
      o.buffer_bytes = buffer;
      ASSERT_TRUE(run(in, dir_.file("out.gguf"), "Q4_K_M", o));
      const std::string bytes = gguf::read_file(dir_.file("out.gguf"));
      if (first.empty()) first = bytes;
      EXPECT_TRUE(bytes == first) << threads << " threads, buffer of " << buffer;
    }
  }
}

TEST_F(QuantizeFile, OptionsForSingleTensors) {
  const std::string in = source(), out = dir_.file("out.gguf");
  QuantizeOptions o;
  o.pure = true;
  ASSERT_TRUE(run(in, out, "Q4_K_M", o));
  EXPECT_EQ(type_in(out, "output.weight"), DType::q4_k);
  EXPECT_EQ(type_in(out, "blk.0.attn_v.weight"), DType::q4_k);
  o = {};
  o.leave_output = true;
  o.embedding_type = DType::q8_0;
  o.tensor_types = {{"ATTN_Q\\.weight$", DType::q5_1}, {"attn_", DType::q6_k}};
  ASSERT_TRUE(run(in, out, "Q4_K_M", o));
  EXPECT_EQ(type_in(out, "output.weight"), DType::f16);
  EXPECT_EQ(type_in(out, "token_embd.weight"), DType::q8_0);
  EXPECT_EQ(type_in(out, "blk.1.attn_q.weight"), DType::q5_1);
  EXPECT_EQ(type_in(out, "blk.1.attn_output.weight"), DType::q6_k);
  EXPECT_EQ(type_in(out, "blk.1.attn_norm.weight"), DType::f32);
  o = {};
  o.output_type = DType::f16;
  ASSERT_TRUE(run(in, out, "Q4_0", o));
  EXPECT_EQ(type_in(out, "output.weight"), DType::f16);
  o = {};
  o.tensor_types = {{"attn_(", DType::q6_k}};
  EXPECT_NE(message(in, out, "Q4_0", o).find("is no regular expression"), std::string::npos);
}

TEST_F(QuantizeFile, RowsThatAreNoWholeBlocks) {
  const std::string in = source({.embd = 96, .ff = 160, .heads = 3, .heads_kv = 3}),
                    out = dir_.file("out.gguf");
  ASSERT_TRUE(run(in, out, "Q4_K_M"));
  EXPECT_EQ(type_in(out, "blk.1.attn_q.weight"), DType::q5_0);
  EXPECT_EQ(type_in(out, "output.weight"), DType::q8_0);
  EXPECT_FALSE(testing::logits_of(out, *pool_).empty());
}

TEST_F(QuantizeFile, ExpertsKeepTheirShape) {
  const std::string in = source({.experts = 4}), out = dir_.file("out.gguf");
  ASSERT_TRUE(run(in, out, "Q4_K_S"));
  const auto file = gguf::File::open(out);
  ASSERT_TRUE(file);
  EXPECT_EQ(file->find("blk.0.ffn_up_exps.weight")->ne[2], 4);
  EXPECT_EQ(file->find("blk.0.ffn_gate_inp.weight")->dtype, DType::f16);
  EXPECT_LT(testing::distance(testing::logits_of(out, *pool_), testing::logits_of(in, *pool_)),
            0.2);
}

TEST_F(QuantizeFile, RequantizingIsAskedFor) {
  const std::string in = source(), q8 = dir_.file("q8.gguf"), out = dir_.file("out.gguf");
  ASSERT_TRUE(run(in, q8, "Q8_0"));
  EXPECT_NE(message(q8, out, "Q4_0").find("requantizing from type q8_0 is disabled"),
            std::string::npos);
  EXPECT_NE(message(q8, out, "Q4_0").find("--allow-requantize"), std::string::npos);
  // What has its type already is copied.
  ASSERT_TRUE(run(q8, out, "Q8_0"));
  EXPECT_EQ(testing::logits_of(out, *pool_), testing::logits_of(q8, *pool_));
  QuantizeOptions o;
  o.allow_requantize = true;
  ASSERT_TRUE(run(q8, out, "Q4_0", o));
  ASSERT_TRUE(run(out, dir_.file("f16.gguf"), "F16", o));
  EXPECT_EQ(type_in(dir_.file("f16.gguf"), "blk.0.ffn_up.weight"), DType::f16);
}

TEST_F(QuantizeFile, ClearErrors) {
  const std::string in = source(), out = dir_.file("out.gguf");
  EXPECT_EQ(message(in, in, "Q4_0"), "input and output files are the same: '" + in + "'");
  EXPECT_NE(message(dir_.file("none.gguf"), out, "Q4_0").find("none.gguf"), std::string::npos);
  EXPECT_NE(message(in, dir_.file("none/out.gguf"), "Q4_0").find("does not exist"),
            std::string::npos);
  EXPECT_NE(message(in, out, "IQ3_S").find("type iq3_s cannot be written, only F32, F16"),
            std::string::npos);
  EXPECT_NE(message(in, out, "Q2_K_S").find("this quantization requires an imatrix!"),
            std::string::npos);
  gguf::write_file(dir_.file("text.gguf"), "not a model at all");
  EXPECT_NE(message(dir_.file("text.gguf"), out, "Q4_0").find("text.gguf"), std::string::npos);
  QuantizeOptions o;
  o.overrides = {"general.name=text:x"};
  EXPECT_NE(message(in, out, "Q4_0", o).find("malformed override"), std::string::npos);
  o = {};
  o.prune_layers = {0, 1, 2};
  EXPECT_NE(message(in, out, "Q4_0", o).find("layers to prune"), std::string::npos);
  EXPECT_EQ(dir_.entries(), 2u);  // the source and the text
}

TEST_F(QuantizeFile, AsPartOfCreate) {
  const std::string in = source(), out = dir_.file("out.gguf");
  for (const char* name : {"q4_k", "Q4_K_M", "q4_K_m"}) {
    const auto plan = plan_for_create(in, name);
    ASSERT_TRUE(plan) << plan.error().message;
    EXPECT_EQ(plan->status, "quantizing F16 model to Q4_K_M");
    EXPECT_FALSE(plan->nothing_to_do);
  }
  EXPECT_TRUE(plan_for_create(in, "f16")->nothing_to_do);
  for (const char* wrong : {"Q4_9", "15", "IQ2_XS", "COPY", ""}) {
    const auto plan = plan_for_create(in, wrong);
    ASSERT_FALSE(plan) << wrong;
    EXPECT_EQ(plan.error().message.find("unsupported quantization type "), 0u);
    EXPECT_NE(plan.error().message.find(" - supported types are F32, F16, "), std::string::npos);
  }
  const auto plan = plan_for_create(in, "Q4_K_S");
  ASSERT_TRUE(quantize_file({in}, out, *plan->mix, plan->options, *pool_, {}));
  const auto again = plan_for_create(out, "Q8_0");
  ASSERT_FALSE(again);
  EXPECT_EQ(
      again.error().message.find("quantization is only supported for F16, BF16 and F32 models"),
      0u);

  // Encoders of other senses stay as they are; some architectures keep more bits in some matrices.
  std::vector<float> values(256 * 4, 0.5f);
  const int64_t ne[] = {256, 4};
  gguf::Writer w;
  w.set("general.architecture", "deepseek2");
  w.set("general.file_type", uint32_t{0});
  w.set("deepseek2.block_count", uint32_t{1});
  for (const char* name :
       {"blk.0.attn_q_a.weight", "blk.0.attn_q.weight", "v.blk.0.attn_q.weight", "mm.0.weight"})
    w.add_tensor(name, DType::f32, ne, std::as_bytes(std::span(values)));
  ASSERT_TRUE(w.write(in));
  const auto deepseek = plan_for_create(in, "Q4_K_M");
  ASSERT_TRUE(deepseek) << deepseek.error().message;
  EXPECT_EQ(deepseek->status, "quantizing F32 model to Q4_K_M");
  ASSERT_TRUE(quantize_file({in}, out, *deepseek->mix, deepseek->options, *pool_, {}));
  EXPECT_EQ(type_in(out, "blk.0.attn_q_a.weight"), DType::q8_0);
  EXPECT_EQ(type_in(out, "blk.0.attn_q.weight"), DType::q4_k);
  EXPECT_EQ(type_in(out, "v.blk.0.attn_q.weight"), DType::f32);
  EXPECT_EQ(type_in(out, "mm.0.weight"), DType::f32);
}

TEST_F(QuantizeFile, NotEnoughSpaceIsSaidBeforeAnything) {
  const Status s = check_space(dir_.file("x.gguf"), uint64_t{1} << 62);
  ASSERT_FALSE(s);
  EXPECT_EQ(s.error().code, Errc::io);
  EXPECT_NE(s.error().message.find("not enough space"), std::string::npos);
}

TEST_F(QuantizeFile, DamagedNumbersAreNotWritten) {
  const std::string in = dir_.file("source.gguf"), out = dir_.file("out.gguf");
  for (const float bad : {std::numeric_limits<float>::infinity(), std::nanf("")}) {
    testing::write_small_model(in, {.type = DType::f32},
                               [&](std::string_view name, std::vector<float>& v) {
                                 if (name == "blk.1.ffn_up.weight") v[256 * 5 + 3] = bad;
                               });
    EXPECT_EQ(message(in, out, "Q4_K_M"),
              "tensor 'blk.1.ffn_up.weight', row 5: a number is not finite; the source is damaged");
  }
  testing::write_small_model(in, {.type = DType::f32},
                             [&](std::string_view name, std::vector<float>& v) {
                               if (name == "blk.1.ffn_up.weight") v[256 * 5 + 3] = 1e9f;
                             });
  EXPECT_NE(message(in, out, "Q4_K_M").find("quantized data validation failed"), std::string::npos);
  EXPECT_EQ(dir_.entries(), 1u);
}

TEST_F(QuantizeFile, CancellingLeavesNothing) {
  const std::string in = source(), out = dir_.file("out.gguf");
  gguf::write_file(out, "what was there before");
  for (const size_t stop_at : {0, 7, 20}) {
    const auto r =
        run(in, out, "Q4_K_M", {}, [&](const QuantizeProgress& p) { return p.index < stop_at; });
    ASSERT_FALSE(r);
    EXPECT_EQ(r.error().code, Errc::cancelled);
    EXPECT_EQ(gguf::read_file(out), "what was there before");
    EXPECT_EQ(dir_.entries(), 2u);
  }
}

// A process that is killed in the middle of the output.
TEST_F(QuantizeFile, KillingLeavesNoHalfFile) {
  const std::string in = source(), out = dir_.file("out.gguf");
  int pipe_fd[2];
  ASSERT_EQ(::pipe(pipe_fd), 0);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const auto pool = make_native_pool(1);
    (void)quantize_file({in}, out, *find_mix("Q4_K_M"), {}, *pool, [&](const QuantizeProgress& p) {
      if (p.index < 15) return true;
      (void)!::write(pipe_fd[1], "x", 1);
      for (;;) ::pause();
    });
    ::_exit(0);
  }
  char c;
  ASSERT_EQ(::read(pipe_fd[0], &c, 1), 1);
  ASSERT_EQ(::kill(child, SIGKILL), 0);
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status));
  ::close(pipe_fd[0]), ::close(pipe_fd[1]);
  EXPECT_NE(::access(out.c_str(), F_OK), 0);
  // What was left behind is no obstacle.
  ASSERT_TRUE(run(in, out, "Q4_K_M"));
  EXPECT_EQ(dir_.entries(), 2u);
  EXPECT_FALSE(testing::logits_of(out, *pool_).empty());
}

TEST_F(QuantizeFile, ADryRunSaysTheSizes) {
  const std::string in = source(), out = dir_.file("out.gguf");
  QuantizeOptions o;
  o.dry_run = true;
  size_t shown = 0;
  const auto dry = run(in, out, "Q4_K_M", o, [&](const QuantizeProgress&) { return ++shown > 0; });
  ASSERT_TRUE(dry);
  EXPECT_EQ(dir_.entries(), 1u);
  EXPECT_EQ(shown, dry->tensors.size());
  const auto real = run(in, out, "Q4_K_M");
  ASSERT_TRUE(real);
  EXPECT_EQ(real->new_bytes, dry->new_bytes);
}

TEST_F(QuantizeFile, ProgressCoversEveryByteOnce) {
  const std::string in = source();
  QuantizeOptions o;
  o.buffer_bytes = 20000;
  uint64_t last = 0, total = 0;
  size_t begun = 0, ended = 0;
  ASSERT_TRUE(run(in, dir_.file("out.gguf"), "Q4_K_M", o, [&](const QuantizeProgress& p) {
    EXPECT_GE(p.done, last);
    EXPECT_LE(p.done, p.total);
    last = p.done, total = p.total;
    begun += p.begins, ended += p.ends;
    return true;
  }));
  EXPECT_EQ(last, total);
  EXPECT_EQ(begun, 30u);
  EXPECT_EQ(ended, begun);
}

TEST_F(QuantizeFile, PrunedLayersMoveUp) {
  const std::string in = source(), out = dir_.file("out.gguf");
  QuantizeOptions o;
  o.prune_layers = {1};
  ASSERT_TRUE(run(in, out, "F16", o));
  const auto file = gguf::File::open(out), before = gguf::File::open(in);
  ASSERT_TRUE(file && before);
  EXPECT_EQ(*file->u32("llama.block_count"), 2u);
  EXPECT_FALSE(file->find("blk.2.attn_q.weight"));
  const Tensor moved = *file->view(*file->find("blk.1.attn_q.weight"));
  const Tensor old = *before->view(*before->find("blk.2.attn_q.weight"));
  EXPECT_EQ(std::memcmp(moved.data, old.data, old.bytes()), 0);
  EXPECT_FALSE(testing::logits_of(out, *pool_).empty());
}

TEST_F(QuantizeFile, MetadataCanBeOverridden) {
  const std::string in = source(), out = dir_.file("out.gguf");
  QuantizeOptions o;
  o.overrides = {"general.name=str:other", "x.count=int:-7", "x.scale=float:0.5",
                 "x.flag=bool:true"};
  ASSERT_TRUE(run(in, out, "Q8_0", o));
  const auto file = gguf::File::open(out);
  ASSERT_TRUE(file);
  EXPECT_EQ(*file->str("general.name"), "other");
  EXPECT_EQ(*file->u32("x.count"), 7u);
  EXPECT_EQ(*file->f32("x.scale"), 0.5f);
  EXPECT_TRUE(*file->boolean("x.flag"));
}

TEST_F(QuantizeFile, ImportanceIsUsedAndNamed) {
  const std::string in = source(), out = dir_.file("out.gguf"), plain = dir_.file("plain.gguf");
  Importance m;
  m.datasets = {"a text"};
  m.chunk_count = 3;
  const auto file = gguf::File::open(in);
  for (const gguf::TensorInfo& t : file->tensors()) {
    if (!t.name.starts_with("blk.") || t.ne[1] == 1) continue;
    ImportanceEntry e;
    e.n_in = t.ne[0];
    e.counts = {2};
    for (int64_t i = 0; i < t.ne[0]; ++i) e.sums.push_back(i % 5 == 0 ? 50.0f : 0.1f);
    m.entries[std::string(t.name)] = e;
  }
  QuantizeOptions o;
  o.importance = &m;
  o.importance_file = "small.imatrix";
  ASSERT_TRUE(run(in, out, "Q4_K_M", o));
  ASSERT_TRUE(run(in, plain, "Q4_K_M"));
  const auto made = gguf::File::open(out), without = gguf::File::open(plain);
  EXPECT_EQ(*made->str("quantize.imatrix.file"), "small.imatrix");
  EXPECT_EQ(*made->str("quantize.imatrix.dataset"), "a text");
  EXPECT_EQ(*made->u32("quantize.imatrix.entries_count"), m.entries.size());
  EXPECT_EQ(*made->u32("quantize.imatrix.chunks_count"), 3u);
  const Tensor a = *made->view(*made->find("blk.0.attn_q.weight"));
  const Tensor b = *without->view(*without->find("blk.0.attn_q.weight"));
  EXPECT_NE(std::memcmp(a.data, b.data, a.bytes()), 0);
  ASSERT_TRUE(run(in, out, "Q2_K_S", o));
  EXPECT_FALSE(testing::logits_of(out, *pool_).empty());
  m.entries["blk.0.attn_q.weight"].sums.pop_back();
  EXPECT_EQ(message(in, out, "Q4_0", o),
            "imatrix size 255 is different from tensor size 256 for blk.0.attn_q.weight");
  m.entries.erase("blk.0.attn_q.weight");
  EXPECT_NE(message(in, out, "Q2_K_S", o)
                .find("Missing importance matrix for tensor blk.0.attn_q.weight"),
            std::string::npos);
}

}  // namespace
}  // namespace engine::quant
