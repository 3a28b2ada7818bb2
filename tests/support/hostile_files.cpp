#include "tests/support/hostile_files.h"

namespace engine::gguf {
namespace {

constexpr uint64_t kHuge = uint64_t{1} << 63;
constexpr uint32_t kU32 = 4, kI32 = 5, kStr = 8, kArr = 9, kU64 = 10;

// Room so that a count is not refused before the field under test is reached.
void room(Builder& b) {
  b.zeros(4096);
}

}  // namespace

std::span<const HostileFile> hostile_files() {
  static const std::vector<HostileFile> out = {
      {"future_version", Errc::unsupported, "file is version 4 but only up to 3 is supported",
       [](Builder& b) { b.raw("GGUF").u32(4).u64(0).u64(0); }},
      {"no_version", Errc::corrupt, "failed to read version",
       [](Builder& b) { b.raw("GGUF").raw("\1"); }},
      {"no_counts", Errc::corrupt, "failed to read header",
       [](Builder& b) { b.raw("GGUF").u32(b.form().version).len(0); }},
      {"huge_key_count", Errc::corrupt, "number of key value pairs is ",
       [](Builder& b) { b.header(0, kHuge), room(b); }},
      {"negative_key_count", Errc::corrupt, "number of key value pairs is ",
       [](Builder& b) { b.header(0, UINT64_MAX), room(b); }},
      {"more_keys_than_bytes", Errc::corrupt,
       "number of key value pairs is 2 but the file can hold at most 1",
       [](Builder& b) { b.header(0, 2).zeros(19); }},
      {"huge_tensor_count", Errc::corrupt, "number of tensors is ",
       [](Builder& b) { b.header(kHuge, 0), room(b); }},
      {"negative_tensor_count", Errc::corrupt, "number of tensors is ",
       [](Builder& b) { b.header(UINT64_MAX, 0), room(b); }},
      {"tensor_table_wraps", Errc::corrupt, "number of tensors is ",
       [](Builder& b) { b.header(UINT64_MAX / 24 + 2, 0), room(b); }},
      {"more_tensors_than_bytes", Errc::corrupt,
       "number of tensors is 2 but the file can hold at most 1",
       [](Builder& b) { b.header(2, 0).zeros(39); }},
      {"too_many_tensors", Errc::corrupt,
       "number of tensors is 1048577 but the file can hold at most 1048576",
       [](Builder& b) { b.header((1 << 20) + 1, 0).zeros(size_t{24} << 20).zeros(24); }},

      {"huge_key_length", Errc::corrupt, "key 0: string length ",
       [](Builder& b) { b.header(0, 1).len(kHuge), room(b); }},
      {"key_length_over_file", Errc::corrupt, "exceeds remaining file size 4096 bytes",
       [](Builder& b) { b.header(0, 1).len(4097), room(b); }},
      {"key_too_long", Errc::corrupt, "key 0: string length 65536 exceeds maximum 65535",
       [](Builder& b) { b.header(0, 1).str(std::string(65536, 'k')).u32(kU32).u32(1); }},
      {"empty_key", Errc::corrupt, "key 0 is empty",
       [](Builder& b) { b.header(0, 1).key("", kU32).u32(1), room(b); }},
      {"control_in_key", Errc::corrupt, "key 0 contains an invalid character",
       [](Builder& b) { b.header(0, 1).key("a\nb", kU32).u32(1), room(b); }},
      {"nul_in_key", Errc::corrupt, "key 1 contains an invalid character",
       [](Builder& b) {
         b.header(0, 2).key("a", kU32).u32(1).key(std::string_view("a\0b", 3), kU32).u32(1),
             room(b);
       }},
      {"duplicate_key", Errc::corrupt, "duplicate key 'twice' for KV pair 2",
       [](Builder& b) {
         b.header(0, 3)
             .key("twice", kU32)
             .u32(1)
             .key("once", kU32)
             .u32(1)
             .key("twice", kStr)
             .str("x");
       }},
      {"type_13", Errc::corrupt, "key 'k' has invalid GGUF type 13",
       [](Builder& b) { b.header(0, 1).key("k", 13), room(b); }},
      {"type_minus_1", Errc::corrupt, "key 'k' has invalid GGUF type -1",
       [](Builder& b) { b.header(0, 1).key("k", UINT32_MAX), room(b); }},
      {"element_type_13", Errc::corrupt, "key 'k' has invalid GGUF type 13",
       [](Builder& b) { b.header(0, 1).key("k", kArr).u32(13).len(1), room(b); }},
      {"nested_array", Errc::unsupported, "key 'k' has nested arrays, which are not supported",
       [](Builder& b) {
         b.header(0, 1).key("k", kArr).u32(kArr).len(1).u32(kU32).len(1).u32(7), room(b);
       }},
      {"huge_array", Errc::corrupt, "elements exceeds the file",
       [](Builder& b) { b.header(0, 1).key("k", kArr).u32(0).len(kHuge), room(b); }},
      {"array_size_wraps", Errc::corrupt, "elements exceeds the file",
       [](Builder& b) { b.header(0, 1).key("k", kArr).u32(kU32).len((kHuge >> 1) + 1), room(b); }},
      {"array_one_short", Errc::corrupt, "key 'k': array of 1025 elements exceeds the file",
       [](Builder& b) { b.header(0, 1).key("k", kArr).u32(kU32).len(1025), room(b); }},
      {"string_array_over_file", Errc::corrupt, "key 'k': array of 1025 elements exceeds the file",
       [](Builder& b) {
         b.header(0, 1).key("k", kArr).u32(kStr).len(1025), b.zeros(b.form().v1() ? 4096 : 8192);
       }},
      {"string_in_array", Errc::corrupt,
       "key 'k': element 1: string length 5 exceeds remaining file size 4 bytes",
       [](Builder& b) {
         b.header(0, 1).key("k", kArr).u32(kStr).len(2).str("a").len(5).raw("abcd");
       }},
      {"value_string_length", Errc::corrupt,
       "key 'k': string length 5 exceeds remaining file size 4 bytes",
       [](Builder& b) { b.header(0, 1).key("k", kStr).len(5).raw("abcd"); }},
      {"truncated_scalar", Errc::corrupt, "key 'long.key': failed to read key-value pairs",
       [](Builder& b) { b.header(0, 1).key("long.key", kU32).raw("abc"); }},

      {"alignment_13", Errc::corrupt, "alignment 13 is not a power of 2",
       [](Builder& b) { b.header(0, 1).key("general.alignment", kU32).u32(13); }},
      {"alignment_0", Errc::corrupt, "alignment 0 is not a power of 2",
       [](Builder& b) { b.header(0, 1).key("general.alignment", kU32).u32(0); }},
      {"alignment_i32", Errc::corrupt, "key 'general.alignment' must be of type u32 but is i32",
       [](Builder& b) { b.header(0, 1).key("general.alignment", kI32).u32(32); }},
      {"alignment_array", Errc::corrupt, "key 'general.alignment' must be of type u32 but is arr",
       [](Builder& b) { b.header(0, 1).key("general.alignment", kArr).u32(kU32).len(1).u32(32); }},

      {"name_64", Errc::corrupt, "tensor name 0 is too long: 64 >= 64",
       [](Builder& b) { b.header(1, 0).info(std::string(64, 'n'), {1}, 0, 0), room(b); }},
      {"name_huge", Errc::corrupt, "tensor 0: string length ",
       [](Builder& b) { b.header(1, 0).len(kHuge), room(b); }},
      {"name_empty", Errc::corrupt, "tensor name 0 is empty",
       [](Builder& b) { b.header(1, 0).info("", {1}, 0, 0), room(b); }},
      {"name_nul", Errc::corrupt, "tensor name 0 contains an invalid character",
       [](Builder& b) { b.header(1, 0).info(std::string_view("a\0b", 3), {1}, 0, 0), room(b); }},
      {"duplicate_tensor", Errc::corrupt, "duplicate tensor name 't' for tensor 1",
       [](Builder& b) { b.header(2, 0).info("t", {1}, 0, 0).info("t", {1}, 0, 32), room(b); }},
      {"rank_5", Errc::corrupt, "tensor 't' has invalid number of dimensions: 5 > 4",
       [](Builder& b) {
         b.header(1, 0).info("t", {1, 1, 1, 1, 1}, 0, 0), room(b);
       }},
      {"rank_million", Errc::corrupt, "tensor 't' has invalid number of dimensions: 1000000 > 4",
       [](Builder& b) { b.header(1, 0).str("t").u32(1000000), room(b); }},
      {"negative_extent", Errc::corrupt,
       "tensor 't' dimension 1 has invalid number of elements: -1",
       [](Builder& b) {
         b.header(1, 0).info("t", {1, UINT64_MAX}, 0, 0), room(b);
       },
       false},
      {"shape_wraps_to_4", Errc::corrupt,
       "tensor 't' shape (4194305, 4194305, 211106198978564, 1) overflows",
       [](Builder& b) {
         b.header(1, 0).info("t", {4194305, 4194305, 211106198978564}, 0, 0), room(b);
       },
       false},
      {"shape_overflows", Errc::corrupt, "overflows",
       [](Builder& b) {
         b.header(1, 0).info("t", {1u << 31, 1u << 31, 4}, 0, 0), room(b);
       }},
      {"shape_overflows_despite_zero", Errc::corrupt, "overflows",
       [](Builder& b) {
         b.header(1, 0).info("t", {0, 1u << 31, 1u << 31, 4}, 0, 0), room(b);
       }},
      {"stride_overflows_despite_zero", Errc::corrupt, "tensor 't' size overflows",
       [](Builder& b) {
         b.header(1, 0).info("t", {1u << 31, 1u << 31, 0}, 28, 0), room(b);
       }},
      {"size_overflows", Errc::corrupt, "tensor 't' size overflows",
       [](Builder& b) {
         b.header(1, 0).info("t", {1u << 31, 1u << 31}, 28, 0), room(b);
       }},
      {"type_43", Errc::unsupported, "tensor 't' has invalid ggml type 43",
       [](Builder& b) { b.header(1, 0).info("t", {256}, 43, 0), room(b); }},
      {"type_max", Errc::unsupported, "tensor 't' has invalid ggml type 4294967295",
       [](Builder& b) { b.header(1, 0).info("t", {256}, UINT32_MAX, 0), room(b); }},
      {"type_internal_9", Errc::unsupported, "tensor 't' has invalid ggml type 9",
       [](Builder& b) { b.header(1, 0).info("t", {256}, 9, 0), room(b); }},
      {"type_internal_15", Errc::unsupported, "tensor 't' has invalid ggml type 15",
       [](Builder& b) { b.header(1, 0).info("t", {256}, 15, 0), room(b); }},
      {"type_removed_31", Errc::unsupported,
       "tensor 't': type 31 (Q4_0_4_4) was removed from the format; re-quantize the model",
       [](Builder& b) { b.header(1, 0).info("t", {256}, 31, 0), room(b); }},
      {"type_removed_4", Errc::unsupported,
       "tensor 't': type 4 (Q4_2) was removed from the format; re-quantize the model",
       [](Builder& b) { b.header(1, 0).info("t", {256}, 4, 0), room(b); }},
      {"partial_block", Errc::corrupt,
       "tensor 't' of type 8 (Q8_0) has 33 elements per row, not a multiple of block size (32)",
       [](Builder& b) { b.header(1, 0).info("t", {33}, 8, 0), room(b); }},
      {"offset_unaligned", Errc::corrupt, "tensor 't' offset 1 is not a multiple of 32",
       [](Builder& b) { b.header(1, 0).info("t", {1}, 0, 1), room(b); }},
      {"offset_gap", Errc::corrupt, "tensor 'u' has offset 64, expected 32",
       [](Builder& b) { b.header(2, 0).info("t", {1}, 0, 0).info("u", {1}, 0, 64), room(b); }},
      {"offset_overlap", Errc::corrupt, "tensor 'u' has offset 0, expected 32",
       [](Builder& b) { b.header(2, 0).info("t", {1}, 0, 0).info("u", {1}, 0, 0), room(b); }},
      {"offsets_of_other_alignment", Errc::corrupt, "tensor 'u' offset 32 is not a multiple of 64",
       [](Builder& b) {
         b.header(2, 1)
             .key("general.alignment", kU32)
             .u32(64)
             .info("t", {1}, 0, 0)
             .info("u", {1}, 0, 32),
             room(b);
       }},
      {"data_one_byte_short", Errc::corrupt,
       "tensor 't' data is not within the file bounds, model is corrupted or incomplete",
       [](Builder& b) { b.header(1, 0).info("t", {3}, 0, 0).pad().zeros(11); }},
      {"no_data_at_all", Errc::corrupt, "tensor 't' data is not within the file bounds",
       [](Builder& b) { b.header(1, 0).info("t", {3}, 0, 0); }},
      {"data_far_outside", Errc::corrupt, "tensor 't' data is not within the file bounds",
       [](Builder& b) {
         b.header(1, 0).info("t", {1u << 31, 1u << 29}, 0, 0), room(b);
       }},
      {"padded_sizes_wrap", Errc::corrupt, "tensor 'w' size overflows",
       [](Builder& b) {
         const uint64_t bytes = uint64_t{1} << 62;
         b.header(4, 0)
             .info("t", {1u << 31, 1u << 31}, 24, 0)
             .info("u", {1u << 31, 1u << 31}, 24, bytes);
         b.info("v", {1u << 31, 1u << 31}, 24, 2 * bytes)
             .info("w", {1u << 31, 1u << 31}, 24, 3 * bytes),
             room(b);
       }},
      {"truncated_info", Errc::corrupt, "tensor 't': failed to read tensor info",
       [](Builder& b) {
         b.header(1, 0).info("t", {1}, 0, 0),
             b = Builder(b.form()).raw(b.bytes().substr(0, b.bytes().size() - 4));
       }},
  };
  return out;
}

}  // namespace engine::gguf
