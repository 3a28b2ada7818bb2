// Parsing and printing of model names.
#include "engine/store/name.h"

#include <algorithm>

namespace engine {
namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

// First character a word character; the others may be one of `more` too.
bool valid_part(std::string_view s, size_t longest, std::string_view more) {
  if (s.empty() || s.size() > longest || !is_word(s[0])) return false;
  return std::all_of(s.begin(), s.end(),
                     [&](char c) { return is_word(c) || more.find(c) != std::string_view::npos; });
}

std::string_view trim(std::string_view s) {
  const auto blank = [](char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; };
  while (!s.empty() && blank(s.front())) s.remove_prefix(1);
  while (!s.empty() && blank(s.back())) s.remove_suffix(1);
  return s;
}

bool ends_with_ignoring_case(std::string_view s, std::string_view end) {
  return s.size() >= end.size() && equal_ignoring_case(s.substr(s.size() - end.size()), end);
}

}  // namespace

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

std::string ModelName::full() const {
  return host + "/" + space + "/" + model + ":" + tag;
}

std::string ModelName::short_form() const {
  std::string s;
  if (!equal_ignoring_case(host, kDefaultHost)) {
    s = host + "/" + space + "/";
  } else if (!equal_ignoring_case(space, kDefaultNamespace)) {
    s = space + "/";
  }
  return s + model + ":" + tag;
}

bool ModelName::same(const ModelName& other) const {
  return equal_ignoring_case(host, other.host) && equal_ignoring_case(space, other.space) &&
         equal_ignoring_case(model, other.model) && equal_ignoring_case(tag, other.tag);
}

Result<ModelName> parse_model_name(std::string_view text) {
  const Error invalid{Errc::invalid_argument, "invalid model name"};
  ModelName name;
  std::string_view s = text;
  const size_t colon = s.rfind(':');
  const size_t last_slash = s.rfind('/');
  name.tag = kDefaultTag;
  if (colon != std::string_view::npos &&
      (last_slash == std::string_view::npos || colon > last_slash)) {
    name.tag = s.substr(colon + 1);
    s = s.substr(0, colon);
  }
  // An empty side of a cut stays empty and fails the test below;
  // only a missing part gets its default.
  const auto cut = [&s](std::string_view& right) {
    const size_t slash = s.rfind('/');
    right = slash == std::string_view::npos ? s : s.substr(slash + 1);
    s = slash == std::string_view::npos ? std::string_view() : s.substr(0, slash);
    return slash != std::string_view::npos;
  };
  name.space = kDefaultNamespace;
  name.host = kDefaultHost;
  std::string_view part;
  bool more = cut(part);
  name.model = part;
  if (more) {
    more = cut(part);
    name.space = part;
  }
  if (more) {
    if (const size_t mark = s.find("://"); mark != std::string_view::npos) {
      name.scheme = s.substr(0, mark);
      s = s.substr(mark + 3);
    }
    name.host = s;
  }
  if (!valid_part(name.host, 350, "-.:") || !valid_part(name.space, 80, "-") ||
      !valid_part(name.model, 80, "-.") || !valid_part(name.tag, 80, "-.")) {
    return invalid;
  }
  return name;
}

Result<ModelName> parse_user_name(std::string_view text) {
  const std::string_view raw = trim(text);
  if (raw.empty()) return Error{Errc::invalid_argument, "model is required"};
  const auto suffix = [](std::string_view s) {
    const size_t colon = s.rfind(':');
    return colon == std::string_view::npos || s.find('/', colon) != std::string_view::npos
               ? std::string_view()
               : s.substr(colon + 1);
  };
  const auto hosted = [](std::string_view tag) {
    return equal_ignoring_case(tag, "cloud") || ends_with_ignoring_case(tag, "-cloud");
  };
  std::string_view s = raw;
  bool local = false;
  if (equal_ignoring_case(suffix(s), "local")) {
    local = true;
    s = s.substr(0, s.size() - std::string_view(":local").size());
  }
  bool cloud = hosted(suffix(s));
  if (cloud && !local && equal_ignoring_case(suffix(s), "cloud")) {
    local = equal_ignoring_case(suffix(s.substr(0, s.size() - std::string_view(":cloud").size())),
                                "local");
  }
  if (local && cloud) {
    return Error{Errc::invalid_argument,
                 "use either :local or :cloud, not both: \"" + std::string(raw) + "\""};
  }
  if (cloud) return Error{Errc::unsupported, "cloud models are not supported: " + std::string(raw)};
  return parse_model_name(s);
}

bool valid_digest(std::string_view digest) {
  constexpr std::string_view kPrefix = "sha256";
  if (digest.size() != kPrefix.size() + 1 + 64 || digest.substr(0, kPrefix.size()) != kPrefix)
    return false;
  const char separator = digest[kPrefix.size()];
  if (separator != ':' && separator != '-') return false;
  const std::string_view hex = digest.substr(kPrefix.size() + 1);
  return std::all_of(hex.begin(), hex.end(), [](char c) {
    return (c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'f');
  });
}

std::string plain_digest(std::string_view digest) {
  std::string out(digest);
  out[6] = ':';
  std::transform(out.begin(), out.end(), out.begin(), lower);
  return out;
}

}  // namespace engine
