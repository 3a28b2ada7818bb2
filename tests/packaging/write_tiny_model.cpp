// Writes a tiny model, for tests that are no C++: write_tiny_model FILE
#include <cstdio>

#include "tests/support/tiny_model.h"

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const engine::Status status = engine::testing::write_tiny_model(argv[1]);
  if (status) return 0;
  std::fprintf(stderr, "error: %s\n", status.error().message.c_str());
  return 1;
}
