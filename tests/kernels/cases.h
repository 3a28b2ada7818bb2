// The shapes that every kernel of an operator is run with.
// A kernel that no line fits fails its test.
#pragma once

#include <cstdint>

#include "kernels/op.h"

namespace engine::test {

// Bits of MatmulCase::with and others.
enum With : uint32_t {
  kPlain = 0,
  kBias = 1,
  kScale = 2,
  kCap = 4,
  kSilu = 8,
  kGelu = 16,
  kRelu = 32,
  kUp = 64,
  kResidual = 128,
  kResidualIsY = 256,
  kWeight = 512,
  kInPlace = 1024,
  kAlone = 2048  // glu: without a second factor
};

struct MatmulCase {
  int64_t k, out;
  int n;
  uint32_t with;
};
// k: every one for which the type has whole blocks. out: panels of 8 and 16, one less, one more. n:
// 1 .. 17, and past one pass.
constexpr MatmulCase kMatmul[] = {
    {32, 1, 1, kPlain},
    {32, 17, 3, kBias},
    {64, 16, 2, kScale},
    {64, 15, 17, kUp | kSilu},
    {96, 7, 9, kResidual},
    {96, 33, 1, kCap},
    {256, 8, 4, kPlain},
    {256, 9, 8, kUp | kGelu | kResidual},
    {256, 16, 16, kRelu},
    {256, 17, 5, kBias | kSilu},
    {256, 31, 40, kPlain},
    {512, 3, 7, kResidualIsY},
    {576, 16, 6, kPlain},
    {576, 33, 17, kUp | kRelu},
    {640, 5, 10, kBias | kCap},
    {640, 24, 1, kUp | kSilu | kResidualIsY},
    {768, 2, 12, kPlain},
    {1536, 17, 1, kPlain},
    {1536, 8, 11, kScale},
    {2048, 16, 1, kUp | kGelu},
    {2048, 33, 13, kBias | kScale | kResidual},
    {2048, 1, 15, kGelu},
    {8192, 17, 70, kPlain},
    // adapters of small rank, which end in floats
    {1, 17, 3, kScale | kResidual},
    {4, 33, 9, kScale | kResidual},
    {8, 16, 1, kScale | kResidual},
    {16, 40, 12, kScale | kResidual},
};

struct ExpertCase {
  int64_t k, out;
  int n, n_expert, n_used;
  bool x_per_entry;
  uint32_t with;
};
constexpr ExpertCase kExperts[] = {
    {32, 5, 1, 4, 2, false, kPlain},
    {96, 17, 3, 5, 1, true, kBias},
    {256, 16, 4, 8, 2, false, kUp | kSilu},
    {256, 9, 33, 4, 3, true, kPlain},
    {512, 24, 7, 3, 3, false, kUp | kGelu},
    {768, 33, 12, 2, 1, false, kScale},
    {6, 24, 7, 4, 2, true, kScale | kResidual},  // an adapter
};

struct RowCase {
  int64_t width;
  int n;
  // norms: vectors per row; rope: heads; combine: experts used; glu: rows per row of the step
  int groups;
  uint32_t with;
};
constexpr RowCase kNorms[] = {
    {1, 1, 1, kWeight},
    {31, 3, 1, kPlain},
    {64, 2, 1, kWeight | kResidual},
    {576, 5, 1, kWeight | kBias},
    {640, 3, 1, kWeight | kInPlace},
    {384, 4, 3, kWeight},
    {1024, 2, 4, kWeight | kInPlace},
    {2049, 2, 1, kWeight | kResidualIsY},
};
constexpr RowCase kGlus[] = {
    {1, 1, 1, kSilu},    {17, 3, 2, kGelu},   {64, 5, 1, kRelu},   {576, 2, 1, kSilu | kInPlace},
    {1536, 3, 4, kGelu}, {2049, 2, 1, kSilu}, {100, 2, 1, kPlain}, {35, 3, 2, kGelu | kAlone},
};
constexpr RowCase kPointwise[] = {
    {1, 1, 1, kPlain},    {15, 4, 1, kWeight},
    {64, 3, 1, kInPlace}, {577, 2, 1, kWeight | kInPlace},
    {2048, 3, 1, kPlain},
};
constexpr RowCase kCombines[] = {{1, 1, 1, kPlain},
                                 {37, 3, 2, kResidual},
                                 {64, 2, 4, kResidualIsY},
                                 {576, 5, 8, kPlain},
                                 {2049, 2, 2, kResidual}};
constexpr RowCase kQuantizes[] = {{32, 1, 1, 0},  {64, 3, 1, 0},   {96, 2, 1, 0},  {576, 5, 1, 0},
                                  {640, 1, 1, 0}, {2048, 3, 1, 0}, {256, 2, 1, 0}, {768, 3, 1, 0}};

struct RopeCase {
  RopeStyle style;
  int head_dim, n_rot, n_head, n;
};
constexpr RopeCase kRopes[] = {
    {RopeStyle::norm, 64, 64, 3, 4},   {RopeStyle::neox, 64, 64, 9, 3},
    {RopeStyle::neox, 256, 256, 2, 2}, {RopeStyle::norm, 128, 128, 1, 5},
    {RopeStyle::neox, 80, 32, 2, 3},   {RopeStyle::norm, 96, 24, 2, 2},
    {RopeStyle::neox, 40, 20, 3, 1},   {RopeStyle::norm, 2, 2, 1, 1},
};

struct LookupCase {
  int64_t width, words;
  int n;
};
constexpr LookupCase kLookups[] = {
    {32, 5, 1}, {96, 17, 3}, {256, 33, 4}, {1536, 16, 2}, {576, 9, 3}};

struct AttendCase {
  int dk, dv, n_head, n_head_kv;
  int past[2], n[2];  // two sequences
  int window;
  float cap;
  bool sinks;
  int group = 0;  // of the cache
};
constexpr AttendCase kAttends[] = {
    {64, 64, 3, 1, {0, 0}, {1, 0}, 0, 0, false},
    {64, 64, 9, 3, {0, 5}, {7, 3}, 0, 0, false},
    {64, 64, 9, 3, {63, 64}, {2, 1}, 0, 0, true},
    {128, 128, 8, 2, {255, 256}, {3, 2}, 0, 50, false},
    {256, 256, 4, 1, {300, 0}, {1, 33}, 128, 0, false, 1},
    {32, 64, 2, 2, {511, 17}, {2, 5}, 100, 20, true, 1},
    {96, 96, 4, 4, {700, 1}, {5, 1}, 0, 0, false},
    {64, 32, 8, 1, {1, 190}, {30, 1}, 16, 0, true},
    {192, 128, 2, 1, {130, 60}, {3, 9}, 512, 0, false},
    {64, 64, 32, 8, {250, 0}, {26, 1}, 0, 0, false},
    {64, 64, 9, 3, {1400, 700}, {1, 3}, 0, 0, true},
};

struct AttendBatchCase {
  int d, n_head, n_head_kv;
  int n[2];  // rows of two sequences
  int window;
};
constexpr AttendBatchCase kAttendBatches[] = {
    {32, 3, 3, {1, 0}, 0},     {32, 12, 12, {7, 5}, 0}, {64, 4, 2, {33, 1}, 0},
    {64, 12, 12, {70, 13}, 0}, {20, 2, 1, {9, 3}, 0},   {96, 2, 2, {40, 17}, 8},
    {256, 2, 2, {5, 64}, 0},   {8, 2, 2, {300, 2}, 31},
};

struct TopCase {
  int64_t n_vocab;
  int n, k;
};
constexpr TopCase kTops[] = {{1, 1, 1},     {7, 2, 10},    {8192, 1, 1},
                             {8193, 3, 40}, {20000, 4, 5}, {49152, 2, 100}};

struct RouterCase {
  int n_expert, n_used, n;
  bool sigmoid, normalize, bias;
};
constexpr RouterCase kRouters[] = {
    {1, 1, 1, false, false, false}, {4, 2, 3, false, true, false},   {8, 2, 17, false, false, true},
    {64, 8, 5, true, true, true},   {33, 33, 2, true, false, false},
};

}  // namespace engine::test
