// Directories to lists of files.
#include "server/cli/model_files.h"

#include <fmt/format.h>
#include <pwd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <system_error>

#include "engine/store/split_name.h"

namespace engine::cli {
namespace {

namespace fs = std::filesystem;

Error bad(std::string text) {
  return {Errc::invalid_argument, std::move(text)};
}

enum class Content : uint8_t { text, gguf, binary };

// By the first bytes. Texts have no control characters but those of layout.
Content sniff(const fs::path& path) {
  char bytes[512];
  std::ifstream in(path, std::ios::binary);
  in.read(bytes, sizeof bytes);
  const std::string_view head(bytes, static_cast<size_t>(in.gcount()));
  if (head.starts_with("GGUF")) return Content::gguf;
  const auto binary = [](char c) {
    const auto b = static_cast<unsigned char>(c);
    return b <= 0x08 || b == 0x0B || (b >= 0x0E && b <= 0x1A) || (b >= 0x1C && b <= 0x1F);
  };
  return std::any_of(head.begin(), head.end(), binary) ? Content::binary : Content::text;
}

using Test = std::function<bool(std::string_view)>;  // of a file's name

Test pattern(std::string_view begin, std::string_view end) {
  return [begin, end](std::string_view name) {
    return name.size() >= begin.size() + end.size() && name.starts_with(begin) &&
           name.ends_with(end);
  };
}

class Directory {
 public:
  explicit Directory(fs::path root) : root_(std::move(root)) {}

  // Regular files of the directory itself, or of those in it, in order of their names.
  std::vector<fs::path> files(const Test& wanted, bool nested) const {
    std::vector<fs::path> out;
    if (!nested) return list(root_, wanted);
    for (const fs::path& folder : folders()) {
      const auto more = list(folder, wanted);
      out.insert(out.end(), more.begin(), more.end());
    }
    return out;
  }

  // A link may lead from one file of the directory to another, not out of it.
  Status check_link(const fs::path& file) const {
    std::error_code ec;
    const fs::path home = fs::canonical(root_, ec), target = fs::canonical(file, ec);
    const auto [end, at] = std::mismatch(home.begin(), home.end(), target.begin(), target.end());
    if (!ec && end == home.end()) return ok;
    std::string text = fmt::format("insecure path: {}", file.lexically_relative(root_).string());
    if (target.string().find(".cache") != std::string::npos)
      text +=
          "\n\nthe files of this directory are links into the cache of a download tool; download "
          "them into a directory of their own, without links";
    return bad(text);
  }

 private:
  static std::vector<fs::path> list(const fs::path& folder, const Test& wanted) {
    std::vector<fs::path> out;
    std::error_code ec;
    for (fs::directory_iterator it(folder, ec), end; !ec && it != end; it.increment(ec)) {
      std::error_code ignored;
      if (it->is_regular_file(ignored) && wanted(it->path().filename().string()))
        out.push_back(it->path());
    }
    std::sort(out.begin(), out.end());
    return out;
  }
  std::vector<fs::path> folders() const {
    std::vector<fs::path> out;
    std::error_code ec;
    for (fs::directory_iterator it(root_, ec), end; !ec && it != end; it.increment(ec)) {
      std::error_code ignored;
      if (it->is_directory(ignored)) out.push_back(it->path());
    }
    std::sort(out.begin(), out.end());
    return out;
  }

  fs::path root_;
};

Error wrong_content(Content found, const fs::path& file) {
  return bad(fmt::format("invalid content type: expected {} for {}",
                         found == Content::text ? "text/plain" : "application/octet-stream",
                         file.filename().string()));
}

Result<std::vector<fs::path>> weights_of(const Directory& dir, FilesOf use) {
  if (use == FilesOf::adapter) {
    for (const char* name : {"adapter_model.safetensors", "adapters.safetensors"})
      if (auto found = dir.files([name](std::string_view n) { return n == name; }, false);
          !found.empty())
        return found;
  }
  std::vector<fs::path> found = dir.files(pattern("model", ".safetensors"), false);
  const auto nested = dir.files(pattern("model", ".safetensors"), true);
  found.insert(found.end(), nested.begin(), nested.end());
  if (found.empty()) found = dir.files(pattern("consolidated", ".safetensors"), false);
  if (!found.empty()) return found;
  found = dir.files(pattern("", ".gguf"), false);
  for (const fs::path& file : found)
    if (const Content c = sniff(file); c != Content::gguf) return wrong_content(c, file);
  if (found.empty()) return bad("no Modelfile or safetensors files found");
  return found;
}

// What a conversion reads beside the weights.
Result<std::vector<fs::path>> configuration_of(const Directory& dir) {
  std::vector<fs::path> out = dir.files(pattern("", ".json"), false);
  const auto add = [&out](const std::vector<fs::path>& more) {
    out.insert(out.end(), more.begin(), more.end());
  };
  add(dir.files(pattern("", ".json"), true));
  add(dir.files([](std::string_view n) { return n == "chat_template.jinja"; }, false));
  for (const fs::path& file : out)
    if (const Content c = sniff(file); c != Content::text) return wrong_content(c, file);
  const Test tokenizer = [](std::string_view n) { return n == "tokenizer.model"; };
  std::vector<fs::path> binary = dir.files(tokenizer, false);
  if (binary.empty()) binary = dir.files(tokenizer, true);
  for (const fs::path& file : binary)
    if (const Content c = sniff(file); c == Content::text) return wrong_content(c, file);
  add(binary);
  return out;
}

// Names from the deepest directory that all files are in.
std::vector<LocalFile> named(const std::vector<fs::path>& files) {
  fs::path common = files.empty() ? fs::path() : files.front().parent_path();
  for (const fs::path& file : files) {
    const auto inside = [&] {
      const auto [end, at] = std::mismatch(common.begin(), common.end(), file.begin(), file.end());
      return end == common.end();
    };
    while (!common.empty() && !inside()) {
      if (common == common.parent_path()) break;
      common = common.parent_path();
    }
  }
  std::vector<LocalFile> out;
  for (const fs::path& file : files)
    out.push_back({file.lexically_relative(common).generic_string(), file.string()});
  return out;
}

// The file, and the other parts of it that are there.
std::vector<fs::path> with_shards(const fs::path& file) {
  const auto split = parse_split_name(file.filename().string());
  if (!split || split->count < 2) return {file};
  std::vector<fs::path> out;
  std::error_code ec;
  for (uint64_t i = 0; i < split->count; ++i)
    if (const fs::path part = file.parent_path() / shard_name(*split, i); fs::exists(part, ec))
      out.push_back(part);
  return out;
}

}  // namespace

Result<std::string> expand_path(std::string_view text, const std::string& folder) {
  const std::string path(text);
  if (path.starts_with('/') || path.starts_with('\\')) return path;
  if (!path.starts_with('~')) return (fs::path(folder) / path).lexically_normal().string();
  const size_t slash = std::min(path.find('/'), path.size());
  const std::string user = path.substr(1, slash - 1);
  std::string home;
  if (const char* own = std::getenv("HOME"); user.empty() && own != nullptr) home = own;
  if (!user.empty()) {
    errno = 0;
    const passwd* entry = ::getpwnam(user.c_str());
    if (entry == nullptr)
      return bad(fmt::format("failed to find user '{}': {}", user,
                             errno != 0 ? std::strerror(errno) : "unknown user"));
    home = entry->pw_dir;
  }
  return home + path.substr(slash);
}

Result<std::vector<LocalFile>> find_model_files(const std::string& path, FilesOf use) {
  std::error_code ec;
  if (!fs::is_directory(path, ec)) return named(with_shards(path));
  const Directory dir(path);
  ENGINE_TRY(files, weights_of(dir, use));
  if (files.front().extension() == ".safetensors") {
    ENGINE_TRY(more, configuration_of(dir));
    files.insert(files.end(), more.begin(), more.end());
  }
  for (const fs::path& file : files) ENGINE_TRY_STATUS(dir.check_link(file));
  return named(files);
}

}  // namespace engine::cli
