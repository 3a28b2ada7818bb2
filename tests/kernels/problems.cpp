#include "tests/kernels/problems.h"

namespace engine::test {

Problems make_problems(const CpuKernel& kernel, Data data) {
  Problems p;
  add_matmul(kernel, data, p);
  add_expert_matmul(kernel, data, p);
  add_rows(kernel, data, p);
  add_lookup(kernel, data, p);
  add_quantize(kernel, data, p);
  add_attention(kernel, data, p);
  add_attend_batch(kernel, data, p);
  add_choice(kernel, data, p);
  return p;
}

}  // namespace engine::test
