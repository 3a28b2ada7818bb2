// Recipes of tensors: order of rows, types, sums, scales.
#include "engine/convert/new_tensor.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "engine/convert/write.h"
#include "engine/core/half.h"
#include "kernels/types/codec.h"
#include "tests/gguf/temp_dir.h"
#include "tests/support/safetensors_builder.h"

namespace engine::convert {
namespace {

using testing::SafetensorsBuilder;

class NewTensorTest : public ::testing::Test {
 protected:
  const SafeTensor& source(SafetensorsBuilder& b, const char* name = "t") {
    gguf::write_file(dir_.file("m.safetensors"), b.bytes());
    auto opened = Checkpoint::open_file(dir_.file("m.safetensors"));
    EXPECT_TRUE(opened) << opened.error().message;
    checkpoint_ = std::move(*opened);
    return *checkpoint_.find(name);
  }
  std::string emitted(const NewTensor& t, ThreadPool* pool = nullptr) {
    std::string out;
    const Status status =
        emit_tensor(t, checkpoint_, pool, [&](std::span<const std::byte> bytes) -> Status {
          out.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
          return ok;
        });
    EXPECT_TRUE(status);
    return out;
  }
  std::vector<float> floats(const NewTensor& t, ThreadPool* pool = nullptr) {
    const std::string bytes = emitted(t, pool);
    std::vector<float> out(static_cast<size_t>(t.elements()));
    codec(t.dtype)->dequant_row(reinterpret_cast<const std::byte*>(bytes.data()), out.data(),
                                t.elements());
    EXPECT_EQ(static_cast<int64_t>(bytes.size()), row_bytes(t.dtype, t.elements()));
    return out;
  }
  static std::vector<float> counted(size_t n) {
    std::vector<float> out(n);
    for (size_t i = 0; i < n; ++i) out[i] = static_cast<float>(i);
    return out;
  }

  gguf::TempDir dir_;
  Checkpoint checkpoint_;
};

TEST_F(NewTensorTest, HalvesOfHeadsBecomePairs) {
  SafetensorsBuilder b;
  b.add("t", "F32", "[8,1]", counted(8));
  NewTensor t = whole_tensor("blk.0.attn_q.weight", source(b));
  EXPECT_EQ(t.ne, (std::vector<int64_t>{1, 8}));
  t.parts[0].heads = 2;
  EXPECT_EQ(floats(t), (std::vector<float>{0, 2, 1, 3, 4, 6, 5, 7}));
}

TEST_F(NewTensorTest, EveryTypeIsReadAndWritten) {
  const std::vector<float> values = {0, 1, -2.5f, 0.0078125f};
  std::vector<double> doubles(values.begin(), values.end());
  std::vector<uint16_t> halves, shorts;
  for (const float v : values) {
    halves.push_back(float_to_half(v));
    shorts.push_back(float_to_bf16(v));
  }
  const std::vector<uint8_t> f8 = {0x00, 0x38, 0xc2, 0x04};
  SafetensorsBuilder b;
  b.add("F64", "F64", "[2,2]", doubles).add("F32", "F32", "[2,2]", values);
  b.add("F16", "F16", "[2,2]", halves).add("BF16", "BF16", "[2,2]", shorts);
  b.add("F8", "F8_E4M3", "[2,2]", f8);
  source(b, "F32");
  for (const char* from : {"F64", "F32", "F16", "BF16", "F8"}) {
    for (const DType to : {DType::f32, DType::f16, DType::bf16}) {
      NewTensor t = whole_tensor("x.weight", *checkpoint_.find(from));
      t.dtype = to;
      EXPECT_TRUE(check_readable(*checkpoint_.find(from)));
      EXPECT_EQ(floats(t), values) << from << " to " << display_name(to);
    }
  }
}

TEST_F(NewTensorTest, F8CodesAsTheFormatDefinesThem) {
  std::vector<uint8_t> codes = {0x01, 0x07, 0x08, 0x7e, 0xfe, 0x40, 0xb8, 0x80};
  SafetensorsBuilder b;
  b.add("t", "F8_E4M3", "[8]", codes);
  NewTensor t = whole_tensor("x", source(b));
  EXPECT_EQ(floats(t), (std::vector<float>{0x1p-9f, 0x7p-9f, 0x1p-6f, 448, -448, 2, -1, -0.0f}));
}

TEST_F(NewTensorTest, ScalesOfBlocksRowsAndTheWhole) {
  const std::vector<uint8_t> ones(130 * 129, 0x38);  // 1.0
  std::vector<float> rows(130, 2.0f);
  rows[129] = 3.0f;
  SafetensorsBuilder b;
  b.add("t", "F8_E4M3", "[130,129]", ones).add("blocks", "F32", "[2,2]", counted(4));
  b.add("rows", "F32", "[130,1]", rows).add("one", "F32", "[]", std::vector<float>{5});
  NewTensor t = whole_tensor("x.weight", source(b));
  t.parts[0].scale = checkpoint_.find("blocks");
  std::vector<float> got = floats(t);
  EXPECT_EQ(got[0], 0);
  EXPECT_EQ(got[128], 1) << "right of the first block";
  EXPECT_EQ(got[128 * 129], 2) << "below it";
  EXPECT_EQ(got.back(), 3);
  t.parts[0].scale = checkpoint_.find("rows");
  got = floats(t);
  EXPECT_EQ(got[0], 2);
  EXPECT_EQ(got.back(), 3);
  t.parts[0].scale = checkpoint_.find("one");
  EXPECT_EQ(floats(t)[77], 5);
}

TEST_F(NewTensorTest, RowsAreCutTransposedAndAddedTo) {
  SafetensorsBuilder b;
  b.add("t", "F32", "[3,2]", counted(6));
  NewTensor t = whole_tensor("x.weight", source(b));
  t.add = 1;
  EXPECT_EQ(floats(t), (std::vector<float>{1, 2, 3, 4, 5, 6}));
  t.add = 0;
  t.ne = {2, 2};
  t.parts[0].first = 1, t.parts[0].rows = 2;
  EXPECT_EQ(floats(t), (std::vector<float>{2, 3, 4, 5}));
  NewTensor turned;
  turned.ne = {3, 2};
  Part part{checkpoint_.find("t"), 0, 2, 3};
  part.transposed = true;
  turned.parts = {part};
  EXPECT_EQ(floats(turned), (std::vector<float>{0, 2, 4, 1, 3, 5}));
}

TEST_F(NewTensorTest, AnyNumberOfThreadsGivesTheSameBytes) {
  std::vector<float> values(1000 * 96);
  for (size_t i = 0; i < values.size(); ++i) values[i] = std::sin(static_cast<float>(i));
  SafetensorsBuilder b;
  b.add("t", "F32", "[1000,96]", values);
  NewTensor t = whole_tensor("x.weight", source(b));
  for (const DType type : {DType::f16, DType::q8_0}) {
    t.dtype = type;
    const std::string want = emitted(t);
    for (const int threads : {2, 3, 7}) {
      const auto pool = make_native_pool(threads);
      EXPECT_EQ(emitted(t, pool.get()), want) << threads;
    }
  }
  const std::vector<float> close = floats(t);  // Q8_0
  for (size_t i = 0; i < values.size(); ++i) ASSERT_NEAR(close[i], values[i], 0.005) << i;
}

TEST_F(NewTensorTest, ValuesBeyondHalfBecomeBf16) {
  SafetensorsBuilder b;
  b.add("t", "F32", "[2,32]", std::vector<float>(64, 65504.0f));
  NewTensor t = whole_tensor("x.weight", source(b));
  choose_type(t, {});
  EXPECT_EQ(t.dtype, DType::f16);
  SafetensorsBuilder large;
  std::vector<float> values(64, 1.0f);
  values[40] = -70000.0f;
  large.add("t", "F32", "[2,32]", values);
  NewTensor u = whole_tensor("x.weight", source(large));
  choose_type(u, {});
  EXPECT_EQ(u.dtype, DType::bf16);
  EXPECT_NEAR(floats(u)[40], -70000.0f, 300);
}

TEST_F(NewTensorTest, TypesFollowTheSourceAndTheOptions) {
  SafetensorsBuilder b;
  b.add("f32", "F32", "[2,32]", std::vector<float>(64));
  b.add("bf16", "BF16", "[2,32]", std::vector<uint16_t>(64));
  b.add("odd", "F32", "[2,31]", std::vector<float>(62));
  b.add("vector", "BF16", "[32]", std::vector<uint16_t>(32));
  source(b, "f32");
  const auto type = [&](const char* from, const char* name, OutType out) {
    NewTensor t = whole_tensor(name, *checkpoint_.find(from));
    ConvertOptions options;
    options.type = out;
    choose_type(t, options);
    return t.dtype;
  };
  EXPECT_EQ(type("f32", "a.weight", OutType::automatic), DType::f16);
  EXPECT_EQ(type("bf16", "a.weight", OutType::automatic), DType::bf16);
  EXPECT_EQ(type("vector", "a.weight", OutType::automatic), DType::f32);
  EXPECT_EQ(type("bf16", "blk.0.attn_q_norm.weight", OutType::automatic), DType::f32);
  EXPECT_EQ(type("bf16", "blk.0.ffn_gate_inp.weight", OutType::q8_0), DType::f32);
  EXPECT_EQ(type("bf16", "position_embd.weight", OutType::f16), DType::f32);
  EXPECT_EQ(type("bf16", "a.weight", OutType::f32), DType::f32);
  EXPECT_EQ(type("f32", "a.weight", OutType::bf16), DType::bf16);
  EXPECT_EQ(type("f32", "a.weight", OutType::q8_0), DType::q8_0);
  EXPECT_EQ(type("odd", "a.weight", OutType::q8_0), DType::f16) << "rows of no whole blocks";
  EXPECT_EQ(type("f32", "a.weight.lora_a", OutType::f16), DType::f16);
  EXPECT_EQ(out_type_from_name("Q8_0"), OutType::q8_0);
  EXPECT_EQ(out_type_from_name("auto"), OutType::automatic);
  EXPECT_EQ(out_type_from_name("q4_k"), std::nullopt);
}

TEST_F(NewTensorTest, IntegersAreNoWeights) {
  SafetensorsBuilder b;
  b.add("t", "I64", "[1]", std::string(8, '\0'));
  const Status status = check_readable(source(b));
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().message,
            "tensor 't' has the type I64; weights must be F32, F16, BF16 or F8_E4M3");
}

}  // namespace
}  // namespace engine::convert
