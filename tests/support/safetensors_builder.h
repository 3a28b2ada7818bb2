// Safetensors bytes, made entry by entry, so that tests can break any of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace engine::testing {

class SafetensorsBuilder {
 public:
  // shape as text: "[2,3]".
  SafetensorsBuilder& add(const std::string& name, const std::string& dtype,
                          const std::string& shape, std::string_view bytes) {
    entry(name, dtype, shape, data_.size(), data_.size() + bytes.size());
    data_ += bytes;
    return *this;
  }
  template <class T>
  SafetensorsBuilder& add(const std::string& name, const std::string& dtype,
                          const std::string& shape, const std::vector<T>& values) {
    return add(
        name, dtype, shape,
        std::string_view(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)));
  }
  // An entry alone, with any offsets.
  SafetensorsBuilder& entry(const std::string& name, const std::string& dtype,
                            const std::string& shape, uint64_t begin, uint64_t end) {
    if (!header_.empty()) header_ += ",";
    header_ += "\"" + name + "\":{\"dtype\":\"" + dtype + "\",\"shape\":" + shape +
               ",\"data_offsets\":[" + std::to_string(begin) + "," + std::to_string(end) + "]}";
    return *this;
  }
  SafetensorsBuilder& data(std::string_view bytes) { return data_ += bytes, *this; }
  bool empty() const { return header_.empty(); }

  std::string bytes() const { return with_header("{" + header_ + "}", data_); }

  static std::string with_header(const std::string& header, std::string_view data) {
    std::string out(8, '\0');
    const uint64_t n = header.size();
    std::memcpy(out.data(), &n, 8);
    return out + header + std::string(data);
  }

 private:
  std::string header_, data_;
};

}  // namespace engine::testing
