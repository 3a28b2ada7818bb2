#include "server/cli/prompt_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string_view>

#include "engine/core/base64.h"
#include "engine/store/blobs.h"

namespace engine::cli {
namespace {

constexpr size_t kMostFileBytes = size_t{100} << 20;
constexpr std::string_view kExtensions[] = {".jpg", ".jpeg", ".png", ".webp", ".wav"};
constexpr std::string_view kEscaped = " ()[]{}$&;'\\*?~";

bool equal_at(std::string_view text, size_t at, std::string_view lower) {
  if (text.size() < at + lower.size()) return false;
  for (size_t i = 0; i < lower.size(); ++i) {
    if (std::tolower(static_cast<unsigned char>(text[at + i])) != lower[i]) return false;
  }
  return true;
}

// Behind the first extension at or behind `at` on the same line; npos: there is none.
size_t path_end(std::string_view text, size_t at) {
  for (; at < text.size() && text[at] != '\n' && text[at] != '\t'; ++at) {
    for (const std::string_view extension : kExtensions) {
      const size_t end = at + extension.size();
      if (!equal_at(text, at, extension)) continue;
      if (end == text.size() || !std::isalnum(static_cast<unsigned char>(text[end]))) return end;
    }
  }
  return std::string::npos;
}

// Whether a path may begin here: "/", "./", "\", or one of these behind a drive.
bool path_begins(std::string_view text) {
  if (text.size() > 2 && std::isalpha(static_cast<unsigned char>(text[0])) && text[1] == ':')
    text.remove_prefix(2);
  return text.starts_with('/') || text.starts_with("./") || text.starts_with("../") ||
         text.starts_with('\\');
}

std::string unescaped(std::string_view path) {
  std::string out;
  for (size_t i = 0; i < path.size(); ++i) {
    if (path[i] == '\\' && i + 1 < path.size() && kEscaped.find(path[i + 1]) != std::string::npos)
      ++i;
    out += path[i];
  }
  return out;
}

std::string type_of(std::string_view bytes) {
  if (bytes.starts_with("\xff\xd8\xff")) return "image/jpeg";
  if (bytes.starts_with("\x89PNG\r\n\x1a\n")) return "image/png";
  if (bytes.starts_with("RIFF") && bytes.substr(8, 4) == "WEBP") return "image/webp";
  if (bytes.starts_with("RIFF") && bytes.substr(8, 4) == "WAVE") return "audio/wave";
  const bool text = bytes.substr(0, 512).find('\0') == std::string_view::npos;
  return text ? "text/plain" : "application/octet-stream";
}

Result<PromptFile> read_prompt_file(const std::string& path) {
  const auto failed = [](const std::string& why) {
    return Error{Errc::invalid_argument, fmt::format("Couldn't process file: \"{}\"", why)};
  };
  std::error_code ec;
  if (std::filesystem::file_size(path, ec) > kMostFileBytes && !ec)
    return failed("file size exceeds maximum limit (100MB)");
  auto bytes = read_file(path, kMostFileBytes);
  if (!bytes) return failed(bytes.error().message);
  const std::string type = type_of(*bytes);
  if (!type.starts_with("image/") && !type.starts_with("audio/"))
    return failed("invalid file type: " + type);
  return PromptFile{path, std::move(*bytes), type.starts_with("audio/")};
}

std::string trimmed(const std::string& text) {
  const size_t begin = text.find_first_not_of(" \t\n"), end = text.find_last_not_of(" \t\n");
  return begin == std::string::npos ? "" : text.substr(begin, end - begin + 1);
}

}  // namespace

Result<PromptWithFiles> take_files(const std::string& prompt) {
  PromptWithFiles out;
  std::string& text = out.text;
  text = prompt;
  for (size_t at = 0; at < text.size(); ++at) {
    if (!path_begins(std::string_view(text).substr(at))) continue;
    const size_t end = path_end(text, at);
    if (end == std::string::npos) continue;
    const std::string path = unescaped(std::string_view(text).substr(at, end - at));
    std::error_code ec;
    if (!std::filesystem::is_regular_file(path, ec)) continue;
    ENGINE_TRY(file, read_prompt_file(path));
    out.files.push_back(std::move(file));
    const bool quoted = at > 0 && text[at - 1] == '\'' && end < text.size() && text[end] == '\'';
    const size_t from = quoted ? at - 1 : at;
    if (out.files.size() == 1) out.begins_with_file = from == 0;
    text.erase(from, (quoted ? end + 1 : end) - from);
    at = from == 0 ? static_cast<size_t>(-1) : from - 1;
  }
  if (!out.files.empty()) text = trimmed(text);
  return out;
}

bool takes_files(const Json& shown) {
  const auto list = shown.find("capabilities");
  if (list == shown.end() || !list->is_array()) return false;
  return std::any_of(list->begin(), list->end(),
                     [](const Json& c) { return c == "vision" || c == "audio"; });
}

Json files_field(const std::vector<PromptFile>& files) {
  Json out = Json::array();
  for (const PromptFile& file : files) {
    fmt::print(stderr, "Added {} '{}'\n", file.audio ? "audio" : "image", file.path);
    std::string text;
    append_base64(file.bytes, text);
    out.push_back(std::move(text));
  }
  return out;
}

}  // namespace engine::cli
