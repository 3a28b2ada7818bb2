#include "engine/quantize/importance.h"

#include <fmt/format.h>

#include <cmath>
#include <cstdio>
#include <cstring>

#include "engine/core/mapped_file.h"
#include "gguf/reader.h"
#include "gguf/writer.h"

namespace engine::quant {
namespace {

constexpr std::string_view kSums = ".in_sum2", kCounts = ".counts";
constexpr int32_t kMostEntries = 1 << 20, kMostName = 1 << 10;

template <class... A>
Error corrupt(fmt::format_string<A...> format, A&&... args) {
  return {Errc::corrupt, fmt::format(format, std::forward<A>(args)...)};
}

Status check_finite(const std::string& path, std::span<const float> values) {
  for (const float v : values)
    if (!std::isfinite(v)) return corrupt("{}: imatrix contains non-finite value {}", path, v);
  return ok;
}

Result<std::vector<float>> floats_of(const gguf::File& file, const gguf::TensorInfo& info) {
  if (info.dtype != DType::f32)
    return corrupt("{}: '{}' is {}, not F32", file.path(), info.name, display_name(info.dtype));
  ENGINE_TRY(t, file.view(info));
  std::vector<float> out(static_cast<size_t>(t.elements()));
  std::memcpy(out.data(), t.data, t.bytes());
  ENGINE_TRY_STATUS(check_finite(file.path(), out));
  return out;
}

Result<Importance> read_gguf(const std::string& path) {
  ENGINE_TRY(file, gguf::File::open(path));
  Importance out;
  ENGINE_TRY(type, file.str("general.type", ""));
  if (type != "imatrix")
    return corrupt("{} is no importance matrix: general.type is '{}'", path, type);
  for (const char* key : {"imatrix.datasets", "imatrix.chunk_count", "imatrix.chunk_size"})
    if (!file.has(key)) return corrupt("missing imatrix metadata in file {}: {}", path, key);
  ENGINE_TRY(datasets, file.strs("imatrix.datasets"));
  for (const std::string_view s : datasets) out.datasets.emplace_back(s);
  ENGINE_TRY(chunks, file.u32("imatrix.chunk_count"));
  ENGINE_TRY(size, file.u32("imatrix.chunk_size"));
  out.chunk_count = chunks, out.chunk_size = size;
  for (const gguf::TensorInfo& t : file.tensors()) {
    const bool sums = t.name.ends_with(kSums);
    if (!sums && !t.name.ends_with(kCounts)) continue;
    const std::string name(t.name.substr(0, t.name.size() - (sums ? kSums : kCounts).size()));
    const auto partner = file.find(name + std::string(sums ? kCounts : kSums));
    if (!partner) return corrupt("{}: mismatched sums and counts for {}", path, name);
    if (!sums) continue;
    const int64_t matrices = t.ne[1] * t.ne[2] * t.ne[3];
    if (partner->elements() != matrices || matrices == 0)
      return corrupt("{}: mismatched sums and counts for {}", path, name);
    ImportanceEntry entry;
    entry.n_in = t.ne[0];
    ENGINE_TRY(values, floats_of(file, t));
    ENGINE_TRY(counts, floats_of(file, *partner));
    entry.sums = std::move(values), entry.counts = std::move(counts);
    out.entries[name] = std::move(entry);
  }
  return out;
}

// A bounded reader of little-endian numbers.
class Bytes {
 public:
  explicit Bytes(std::span<const std::byte> left) : left_(left) {}
  bool empty() const { return left_.empty(); }
  bool take(void* out, size_t n) {
    if (left_.size() < n) return false;
    std::memcpy(out, left_.data(), n);
    left_ = left_.subspan(n);
    return true;
  }
  bool take_i32(int32_t lowest, int32_t highest, int32_t& out) {
    return take(&out, 4) && out >= lowest && out <= highest;
  }
  bool take_text(int32_t most, std::string& out) {
    int32_t n = 0;
    if (!take_i32(0, most, n) || left_.size() < static_cast<size_t>(n)) return false;
    out.resize(static_cast<size_t>(n));
    return take(out.data(), out.size());
  }
  bool take_floats(int32_t n, std::vector<float>& out) {
    if (left_.size() / sizeof(float) < static_cast<size_t>(n)) return false;
    out.resize(static_cast<size_t>(n));
    return take(out.data(), out.size() * sizeof(float));
  }

 private:
  std::span<const std::byte> left_;
};

// The older form knows one count per weight; the values are sums over so many calls.
Result<Importance> read_dat(const std::string& path, std::span<const std::byte> bytes) {
  const auto broken = [&](const std::string& where) {
    return corrupt("{} is no importance matrix: {}", path, where);
  };
  Importance out;
  Bytes in(bytes);
  int32_t n_entries = 0;
  if (!in.take_i32(1, kMostEntries, n_entries))
    return broken("it begins with no number of entries");
  for (int32_t i = 0; i < n_entries; ++i) {
    std::string name;
    int32_t calls = 0, values = 0;
    ImportanceEntry entry;
    if (!in.take_text(kMostName, name) || name.empty() || !in.take_i32(0, INT32_MAX, calls) ||
        !in.take_i32(1, INT32_MAX, values) || !in.take_floats(values, entry.sums))
      return broken(fmt::format("entry {} of {} is cut off or no entry", i + 1, n_entries));
    ENGINE_TRY_STATUS(check_finite(path, entry.sums));
    entry.n_in = values;
    entry.counts = {static_cast<float>(calls > 0 ? calls : 1)};
    if (!out.entries.emplace(std::move(name), std::move(entry)).second)
      return broken(fmt::format("entry {} has a name that was there", i + 1));
  }
  if (in.empty()) return out;
  int32_t chunks = 0;
  std::string dataset;
  if (!in.take_i32(0, INT32_MAX, chunks) || !in.take_text(1 << 20, dataset))
    return broken("what follows the entries is cut off");
  out.chunk_count = static_cast<uint32_t>(chunks);
  if (!dataset.empty()) out.datasets.push_back(std::move(dataset));
  return out;
}

void put_i32(std::string& out, int64_t v) {
  const int32_t n = static_cast<int32_t>(v);
  out.append(reinterpret_cast<const char*>(&n), 4);
}

Status write_dat(const Importance& m, const std::string& path) {
  std::string out;
  put_i32(out, static_cast<int64_t>(m.entries.size()));
  for (const auto& [name, e] : m.entries) {
    put_i32(out, static_cast<int64_t>(name.size()));
    out += name;
    const int64_t calls = std::max<int64_t>(1, m.chunk_count);
    put_i32(out, calls);
    const std::vector<float> means = m.weights(name);
    put_i32(out, static_cast<int64_t>(means.size()));
    for (const float mean : means) {
      const float sum = mean * static_cast<float>(calls);
      out.append(reinterpret_cast<const char*>(&sum), 4);
    }
  }
  put_i32(out, m.chunk_count);
  const std::string dataset = m.datasets.empty() ? "" : m.datasets.front();
  put_i32(out, static_cast<int64_t>(dataset.size()));
  out += dataset;

  const std::string temp = path + ".tmp";
  std::FILE* f = std::fopen(temp.c_str(), "wb");
  bool good = f != nullptr && std::fwrite(out.data(), 1, out.size(), f) == out.size();
  if (f != nullptr) good = std::fclose(f) == 0 && good;
  good = good && std::rename(temp.c_str(), path.c_str()) == 0;
  if (good) return ok;
  const Error error{Errc::io, fmt::format("cannot write {}: {}", path, std::strerror(errno))};
  if (f != nullptr) std::remove(temp.c_str());
  return error;
}

Status write_gguf(const Importance& m, const std::string& path) {
  gguf::Writer writer;
  writer.set("general.type", "imatrix");
  writer.set_array("imatrix.datasets", std::span<const std::string>(m.datasets));
  writer.set("imatrix.chunk_count", m.chunk_count);
  writer.set("imatrix.chunk_size", m.chunk_size);
  const auto add = [&](const std::string& name, int64_t ne0, const std::vector<float>& values) {
    const int64_t ne[2] = {ne0, static_cast<int64_t>(values.size()) / ne0};
    writer.add_tensor(name, DType::f32, ne, std::as_bytes(std::span(values)));
  };
  for (const auto& [name, e] : m.entries) {
    add(name + std::string(kSums), e.n_in, e.sums);
    add(name + std::string(kCounts), 1, e.counts);
  }
  return writer.write(path);
}

}  // namespace

std::vector<float> Importance::weights(std::string_view name) const {
  const auto it = entries.find(name);
  if (it == entries.end()) return {};
  const ImportanceEntry& e = it->second;
  std::vector<float> out(e.sums.size());
  for (size_t i = 0; i < out.size(); ++i) {
    const float count = e.counts[i / static_cast<size_t>(e.n_in)];
    out[i] = count > 0 ? e.sums[i] / count : 1.0f;
  }
  return out;
}

Status Importance::merge(const Importance& other) {
  for (const auto& [name, e] : other.entries) {
    ImportanceEntry& mine = entries[name];
    if (mine.sums.empty()) {
      mine = e;
      continue;
    }
    if (mine.sums.size() != e.sums.size() || mine.counts.size() != e.counts.size())
      return Error{Errc::invalid_argument,
                   fmt::format("the matrices do not belong to one model: {} has {} and {} values",
                               name, mine.sums.size(), e.sums.size())};
    for (size_t i = 0; i < e.sums.size(); ++i) mine.sums[i] += e.sums[i];
    for (size_t i = 0; i < e.counts.size(); ++i) mine.counts[i] += e.counts[i];
  }
  datasets.insert(datasets.end(), other.datasets.begin(), other.datasets.end());
  chunk_count += other.chunk_count;
  if (chunk_size == 0) chunk_size = other.chunk_size;
  return ok;
}

Result<Importance> read_importance(const std::string& path) {
  bool is_gguf = false;
  Importance out;
  {
    ENGINE_TRY(file, MappedFile::open(path));
    const std::span<const std::byte> bytes = file.bytes();
    is_gguf = bytes.size() >= 4 && std::memcmp(bytes.data(), "GGUF", 4) == 0;
    if (!is_gguf) {
      ENGINE_TRY(old, read_dat(path, bytes));
      out = std::move(old);
    }
  }
  if (is_gguf) {
    ENGINE_TRY(read, read_gguf(path));
    out = std::move(read);
  }
  if (out.entries.empty()) return corrupt("{} has no entries", path);
  return out;
}

Status write_importance(const Importance& m, ImportanceForm form, const std::string& path) {
  return form == ImportanceForm::gguf ? write_gguf(m, path) : write_dat(m, path);
}

}  // namespace engine::quant
