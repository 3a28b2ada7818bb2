// The makers of problems, one per group of operators;
// problem lists are put together in problems.cpp.
#pragma once

#include "tests/kernels/cases.h"
#include "tests/kernels/problem.h"

namespace engine::test {

using Problems = std::vector<std::unique_ptr<Problem>>;

void add_matmul(const CpuKernel& kernel, Data data, Problems& out);  // matmul
void add_expert_matmul(const CpuKernel& kernel, Data data, Problems& out);
// norms, glu, add, softcap, scale, combine, rope
void add_rows(const CpuKernel& kernel, Data data, Problems& out);
void add_lookup(const CpuKernel& kernel, Data data, Problems& out);  // embed, take_rows, rope_table
void add_quantize(const CpuKernel& kernel, Data data, Problems& out);   // quantize_act
void add_attention(const CpuKernel& kernel, Data data, Problems& out);  // attend, kv_store
// split: with memory for keys that are split between workers
std::unique_ptr<Problem> attend_problem(const CpuKernel& kernel, const AttendCase& c, Data data,
                                        bool split);
void add_attend_batch(const CpuKernel& kernel, Data data, Problems& out);
void add_choice(const CpuKernel& kernel, Data data, Problems& out);  // top_logits, router_topk

}  // namespace engine::test
