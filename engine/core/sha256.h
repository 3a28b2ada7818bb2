// SHA-256 as lower-case hexadecimal, of bytes or as a running sum; and MD5, which guards nothing
// here: upload services want it as the name of what they were sent.
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
std::string md5_hex(std::span<const std::byte> bytes);

class Md5 {
 public:
  Md5();
  ~Md5();
  void update(std::span<const std::byte> bytes);
  std::string bytes();  // the 16 bytes of the sum; ends it

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace engine
