// JSON is written directly here: the output is flat, large (a vocabulary)
// and needs numbers exactly as stored.
#include "gguf/dump.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <type_traits>
#include <utility>
#include <variant>

#include "engine/core/json_io.h"

namespace engine::gguf {
namespace {

constexpr size_t kTextBytes = 96;    // of a string in the text dump
constexpr size_t kTextElements = 8;  // of an array in the text dump
constexpr size_t kTextElementBytes = 24;

using Out = std::back_insert_iterator<std::string>;

// s in quotes, escaped as JSON wants it, which also keeps control characters away from terminals.
void append_quoted(std::string& out, std::string_view s) {
  out += '"';
  for (const char c : repair_utf8(s)) {
    const auto u = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (u < 0x20 || u == 0x7f) {
      fmt::format_to(Out(out), "\\u{:04x}", u);
    } else {
      out += c;
    }
  }
  out += '"';
}

void append_shortened(std::string& out, std::string_view s, size_t max) {
  append_quoted(out, s.substr(0, max));
  if (s.size() > max) fmt::format_to(Out(out), "... ({} bytes)", s.size());
}

void append_number(std::string& out, const Number& n) {
  std::visit(
      [&](auto v) {
        if constexpr (std::is_floating_point_v<decltype(v)>)
          if (!std::isfinite(v)) {
            out += std::isnan(v) ? "\"nan\"" : v > 0 ? "\"inf\"" : "\"-inf\"";
            return;
          }
        fmt::format_to(Out(out), "{}", v);
      },
      n);
}

// The first `limit` elements, separated by ", ".
void append_elements(std::string& out, const Value& value, size_t limit, size_t string_bytes) {
  size_t i = 0;
  if (value.element_type() == Type::str) {
    for (const std::string_view s : value.strings()) {
      if (i == limit) break;
      if (i++ > 0) out += ", ";
      append_shortened(out, s, string_bytes);
    }
    return;
  }
  for (; i < std::min(limit, value.count()); ++i) {
    if (i > 0) out += ", ";
    append_number(out, value.element(i));
  }
}

const char* byte_order(const File& file) {
  return file.big_endian() ? "big" : "little";
}

std::string shape(const TensorInfo& t, std::string_view separator) {
  std::string out;
  for (int j = 0; j < std::max<int>(t.rank, 1); ++j)
    fmt::format_to(Out(out), "{}{}", j > 0 ? separator : "", t.ne[j]);
  return out;
}

void append_json_value(std::string& out, const Value& value) {
  fmt::format_to(Out(out), "{{\"type\": \"{}\", ", type_name(value.type()));
  if (value.is_array()) {
    fmt::format_to(Out(out), "\"element_type\": \"{}\", \"count\": {}, ",
                   type_name(value.element_type()), value.count());
    if (value.count() > kJsonArrayLimit) out += "\"truncated\": true, ";
    out += "\"value\": [";
    append_elements(out, value, kJsonArrayLimit, std::string_view::npos);
    out += ']';
  } else {
    out += "\"value\": ";
    if (value.type() == Type::str)
      append_quoted(out, value.text());
    else
      append_number(out, value.element(0));
  }
  out += '}';
}

}  // namespace

std::string dump_text(const File& file) {
  std::string out;
  fmt::format_to(
      Out(out), "file        {}\nversion     {}, {} endian\nsize        {} bytes in {} file(s)\n",
      printable(file.path()), file.version(), byte_order(file), file.size(), file.shards());
  fmt::format_to(Out(out), "alignment   {}\ndata        at {}\n\n{} keys\n", file.alignment(),
                 file.data_offset(), file.keys().size());
  for (const Value& value : file.keys()) {
    std::string type = type_name(value.type());
    if (value.is_array())
      type = fmt::format("{}[{}]", type_name(value.element_type()), value.count());
    fmt::format_to(Out(out), "  {:<12} {} = ", type, printable(value.key()));
    if (value.is_array()) {
      out += '[';
      append_elements(out, value, kTextElements, kTextElementBytes);
      out += value.count() > kTextElements ? ", ...]" : "]";
    } else if (value.type() == Type::str) {
      append_shortened(out, value.text(), kTextBytes);
    } else {
      append_number(out, value.element(0));
    }
    out += '\n';
  }

  uint64_t bytes = 0;
  for (const TensorInfo& t : file.tensors()) bytes += t.bytes;
  fmt::format_to(Out(out), "\n{} tensors, {} bytes\n", file.tensors().size(), bytes);
  for (const TensorInfo& t : file.tensors()) {
    fmt::format_to(Out(out), "  {:<8} {:<24} {:>14} @{:<14} {}", display_name(t.dtype),
                   shape(t, " x "), t.bytes, t.offset, printable(t.name));
    if (file.shards() > 1) fmt::format_to(Out(out), "  (file {})", t.shard + 1);
    out += '\n';
  }
  return out;
}

std::string dump_json(const File& file) {
  std::string out = "{\"path\": ";
  append_quoted(out, file.path());
  fmt::format_to(Out(out),
                 ", \"version\": {}, \"byte_order\": \"{}\", \"alignment\": {}, \"size\": {}, "
                 "\"shards\": {}, \"data_offset\": {}",
                 file.version(), byte_order(file), file.alignment(), file.size(), file.shards(),
                 file.data_offset());
  out += ",\n\"metadata\": {";
  const char* separator = "\n";
  for (const Value& value : file.keys()) {
    out += std::exchange(separator, ",\n");
    append_quoted(out, value.key());
    out += ": ";
    append_json_value(out, value);
  }
  out += "\n},\n\"tensors\": [";
  separator = "\n";
  for (const TensorInfo& t : file.tensors()) {
    out += std::exchange(separator, ",\n");
    out += "{\"name\": ";
    append_quoted(out, t.name);
    fmt::format_to(
        Out(out),
        ", \"type\": \"{}\", \"shape\": [{}], \"offset\": {}, \"bytes\": {}, \"shard\": {}}}",
        display_name(t.dtype), shape(t, ", "), t.offset, t.bytes, t.shard);
  }
  out += "\n]}\n";
  return out;
}

}  // namespace engine::gguf
