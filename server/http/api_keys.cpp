// The time of a comparison tells nothing about a key: every key is compared to its end.
#include "server/http/api_keys.h"

#include <algorithm>

namespace engine {
namespace {

// What tells that the server runs, and nothing else.
constexpr std::string_view kPublic[] = {"/", "/health", "/v1/health", "/api/version"};

std::string_view trimmed(std::string_view text) {
  const size_t from = text.find_first_not_of(" \t");
  if (from == std::string_view::npos) return {};
  return text.substr(from, text.find_last_not_of(" \t") - from + 1);
}

// Takes as long as the given text is long. Requires: key is not empty.
bool same(std::string_view key, std::string_view given) {
  size_t difference = key.size() ^ given.size();
  for (size_t i = 0; i < given.size(); ++i)
    difference |= static_cast<unsigned char>(key[i % key.size()] ^ given[i]);
  return difference == 0;
}

std::string_view bearer_token(std::string_view header) {
  constexpr std::string_view kScheme = "Bearer ";
  if (header.size() < kScheme.size() || !equal_no_case(header.substr(0, kScheme.size()), kScheme))
    return {};
  return trimmed(header.substr(kScheme.size()));
}

}  // namespace

ApiKeys::ApiKeys(std::string_view list) {
  while (!list.empty()) {
    const size_t end = std::min(list.find(','), list.size());
    if (const std::string_view key = trimmed(list.substr(0, end)); !key.empty())
      keys_.emplace_back(key);
    list.remove_prefix(std::min(end + 1, list.size()));
  }
}

bool ApiKeys::known(std::string_view key) const {
  bool found = false;
  for (const std::string& k : keys_) found |= same(k, key);
  return found;
}

bool ApiKeys::allow(const HttpRequest& head) const {
  if (!wanted() ||
      std::find(std::begin(kPublic), std::end(kPublic), head.path) != std::end(kPublic))
    return true;
  return known(bearer_token(head.header("Authorization"))) ||
         known(trimmed(head.header("X-Api-Key")));
}

}  // namespace engine
