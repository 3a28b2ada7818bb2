// SHA-256 as lower-case hexadecimal, of bytes or as a running sum.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

namespace engine {

class Sha256 {
 public:
  Sha256();
  ~Sha256();
  void update(std::span<const std::byte> bytes);
  std::string hex();  // ends the sum

 private:
  struct State;
  std::unique_ptr<State> state_;
};

std::string sha256_hex(std::span<const std::byte> bytes);

}  // namespace engine
