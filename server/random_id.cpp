// One generator per thread, seeded by the system.
#include "server/random_id.h"

#include <random>

namespace engine {
namespace {

std::string with_random(std::string_view prefix, std::string_view alphabet, int count = 24) {
  thread_local std::mt19937_64 generator(std::random_device{}());
  std::uniform_int_distribution<size_t> pick(0, alphabet.size() - 1);
  std::string out(prefix);
  for (int i = 0; i < count; ++i) out += alphabet[pick(generator)];
  return out;
}

}  // namespace

std::string random_id(std::string_view prefix) {
  return with_random(prefix, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789");
}

std::string random_hex_id(std::string_view prefix) {
  return with_random(prefix, "0123456789abcdef");
}

std::string random_call_id() {
  return with_random("call_", "abcdefghijklmnopqrstuvwxyz0123456789", 8);
}

}  // namespace engine
