#include "engine/core/sha256.h"

#include <openssl/evp.h>

namespace engine {

namespace {

struct Context {
  EVP_MD_CTX* ctx = EVP_MD_CTX_new();
  ~Context() { EVP_MD_CTX_free(ctx); }
};

std::string raw(EVP_MD_CTX* ctx) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned n = 0;
  EVP_DigestFinal_ex(ctx, digest, &n);
  return {reinterpret_cast<const char*>(digest), n};
}

std::string hex_of(const std::string& bytes) {
  std::string out;
  for (const char c : bytes) {
    const auto v = static_cast<unsigned char>(c);
    out += "0123456789abcdef"[v >> 4];
    out += "0123456789abcdef"[v & 15];
  }
  return out;
}

}  // namespace

struct Sha256::State : Context {};
struct Md5::State : Context {};

Sha256::Sha256() : state_(std::make_unique<State>()) {
  EVP_DigestInit_ex(state_->ctx, EVP_sha256(), nullptr);
}
Sha256::~Sha256() = default;

void Sha256::update(std::span<const std::byte> bytes) {
  EVP_DigestUpdate(state_->ctx, bytes.data(), bytes.size());
}

std::string Sha256::hex() {
  return hex_of(raw(state_->ctx));
}

std::string sha256_hex(std::span<const std::byte> bytes) {
  Sha256 sum;
  sum.update(bytes);
  return sum.hex();
}

Md5::Md5() : state_(std::make_unique<State>()) {
  EVP_DigestInit_ex(state_->ctx, EVP_md5(), nullptr);
}
Md5::~Md5() = default;

void Md5::update(std::span<const std::byte> bytes) {
  EVP_DigestUpdate(state_->ctx, bytes.data(), bytes.size());
}

std::string Md5::bytes() {
  return raw(state_->ctx);
}

std::string md5_hex(std::span<const std::byte> bytes) {
  Md5 sum;
  sum.update(bytes);
  return hex_of(sum.bytes());
}

}  // namespace engine
