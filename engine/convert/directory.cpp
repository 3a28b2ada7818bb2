#include "engine/convert/directory.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <nlohmann/json.hpp>

#include "engine/core/mapped_file.h"

namespace engine::convert {
namespace {

// NaN, Infinity and -Infinity outside of texts become null; the rest stays byte for byte.
std::string without_nan(std::string_view s) {
  std::string out;
  out.reserve(s.size());
  bool in_text = false;
  for (size_t i = 0; i < s.size();) {
    const char c = s[i];
    if (in_text && c == '\\') {
      out.append(s.substr(i, 2));
      i += 2;
      continue;
    }
    if (c == '"') in_text = !in_text;
    std::string_view literal;
    if (!in_text)
      for (const std::string_view l : {"NaN", "-Infinity", "Infinity"})
        if (s.substr(i).starts_with(l)) literal = l;
    if (literal.empty()) {
      out += c;
      ++i;
    } else {
      out += "null";
      i += literal.size();
    }
  }
  return out;
}

}  // namespace

bool file_exists(const std::string& path) {
  struct stat st;
  return stat(path.c_str(), &st) == 0 && S_ISREG(st.st_mode);
}

Result<std::string> read_small_file(const std::string& path, size_t limit) {
  ENGINE_TRY(file, MappedFile::open(path));
  const std::span<const std::byte> bytes = file.bytes();
  if (bytes.size() > limit)
    return Error{Errc::invalid_argument,
                 fmt::format("{} has {} bytes, at most {} are read", path, bytes.size(), limit)};
  return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

Result<SortedJson> read_json_file(const std::string& path, size_t limit) {
  ENGINE_TRY(text, read_small_file(path, limit));
  const bool special =
      text.find("NaN") != std::string::npos || text.find("Infinity") != std::string::npos;
  auto json = parse_sorted_json(special ? without_nan(text) : text);
  if (!json) return Error{Errc::corrupt, fmt::format("{}: {}", path, json.error().message)};
  if (!json->is_object()) return Error{Errc::corrupt, fmt::format("{}: is no JSON object", path)};
  return std::move(*json);
}

Result<SortedJson> read_json_file_if_any(const std::string& path) {
  if (!file_exists(path)) return SortedJson::object();
  return read_json_file(path);
}

const SortedJson* member(const SortedJson& object, std::string_view key) {
  if (!object.is_object()) return nullptr;
  const auto it = object.find(key);
  return it == object.end() || it->is_null() ? nullptr : &*it;
}

std::string text_member(const SortedJson& object, std::string_view key) {
  const SortedJson* v = member(object, key);
  return v != nullptr && v->is_string() ? v->get<std::string>() : std::string();
}

bool flag_member(const SortedJson& object, std::string_view key, bool fallback) {
  const SortedJson* v = member(object, key);
  return v != nullptr && v->is_boolean() ? v->get<bool>() : fallback;
}

}  // namespace engine::convert
