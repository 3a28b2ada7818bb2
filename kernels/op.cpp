#include "kernels/op.h"

namespace engine {

const char* op_name(Op op) {
  static constexpr const char* kNames[] = {
#define OP(name, args) #name,
#include "kernels/op.inc"
      "?"};
  return kNames[static_cast<int>(op)];
}

}  // namespace engine
