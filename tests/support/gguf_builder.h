// Builder: GGUF bytes made field by field, so that tests can break any of them,
// in every form that the reader accepts.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace engine::gguf {

struct Form {
  uint32_t version = 3;
  bool big = false;
  bool v1() const { return version == 1; }
};

inline constexpr Form kForms[] = {{3, false}, {2, false}, {1, false}, {3, true}, {1, true}};

inline std::string form_name(Form f) {
  return "v" + std::to_string(f.version) + (f.big ? "_big" : "_little");
}

class Builder {
 public:
  explicit Builder(Form form = {}) : form_(form) {}

  // A number of T's width in the byte order of the form.
  template <class T>
  Builder& num(T v) {
    char b[sizeof v];
    std::memcpy(b, &v, sizeof v);
    if (form_.big) std::reverse(b, b + sizeof v);
    out_.append(b, sizeof v);
    return *this;
  }
  Builder& u32(uint32_t v) { return num(v); }
  Builder& u64(uint64_t v) { return num(v); }
  // A length or count: 32 bits in version 1,
  // where the largest number stands for numbers that do not fit.
  Builder& len(uint64_t v) {
    return form_.v1() ? u32(v > UINT32_MAX ? UINT32_MAX : static_cast<uint32_t>(v)) : u64(v);
  }
  Builder& raw(std::string_view s) { return out_ += s, *this; }
  Builder& zeros(size_t n) { return out_.append(n, '\0'), *this; }
  Builder& str(std::string_view s) { return len(s.size()).raw(s); }

  Builder& header(uint64_t n_tensors, uint64_t n_keys) {
    return raw("GGUF").u32(form_.version).len(n_tensors).len(n_keys);
  }
  Builder& key(std::string_view name, uint32_t type) { return str(name).u32(type); }
  Builder& info(std::string_view name, std::vector<uint64_t> ne, uint32_t type, uint64_t offset) {
    str(name).u32(static_cast<uint32_t>(ne.size()));
    for (const uint64_t v : ne) len(v);
    return u32(type).u64(offset);
  }
  Builder& pad(size_t alignment = 32) {
    return zeros((alignment - out_.size() % alignment) % alignment);
  }

  const std::string& bytes() const { return out_; }
  std::span<const std::byte> span() const {
    return {reinterpret_cast<const std::byte*>(out_.data()), out_.size()};
  }
  const Form& form() const { return form_; }

 private:
  Form form_;
  std::string out_;
};

inline std::span<const std::byte> span_of(std::string_view s) {
  return {reinterpret_cast<const std::byte*>(s.data()), s.size()};
}

}  // namespace engine::gguf
