// OLLAMA_HOST by the rules that its users know: a scheme
// that is written changes the default port, a path is kept.
#include "server/host_url.h"

#include <fmt/format.h>

#include <charconv>

namespace engine {
namespace {

std::string_view trim(std::string_view s) {
  const auto blank = [](char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '"' || c == '\'';
  };
  while (!s.empty() && blank(s.front())) s.remove_prefix(1);
  while (!s.empty() && blank(s.back())) s.remove_suffix(1);
  return s;
}

bool parse_port(std::string_view text, uint16_t& port) {
  int value = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (ec != std::errc() || end != text.data() + text.size() || value < 0 || value > 65535)
    return false;
  port = static_cast<uint16_t>(value);
  return true;
}

}  // namespace

std::string HostUrl::authority() const {
  return host.find(':') == std::string::npos ? fmt::format("{}:{}", host, port)
                                             : fmt::format("[{}]:{}", host, port);
}

HostUrl parse_host_url(std::string_view text) {
  HostUrl url;
  text = trim(text);
  if (text.empty()) return url;
  if (const size_t at = text.find("://"); at != std::string_view::npos) {
    url.scheme = text.substr(0, at);
    text.remove_prefix(at + 3);
    if (url.scheme == "http") url.port = 80;
    if (url.scheme == "https") url.port = 443;
  }
  if (const size_t slash = text.find('/'); slash != std::string_view::npos) {
    url.path = text.substr(slash);
    while (url.path.ends_with('/')) url.path.pop_back();
    text = text.substr(0, slash);
  }

  std::string_view port;
  if (text.starts_with('[')) {
    const size_t close = text.find(']');
    url.host = text.substr(1, close == std::string_view::npos ? close : close - 1);
    if (close != std::string_view::npos && text.substr(close + 1).starts_with(':'))
      port = text.substr(close + 2);
  } else if (const size_t colon = text.find(':');
             colon == std::string_view::npos ||
             text.find(':', colon + 1) != std::string_view::npos) {
    url.host = text;  // no colon, or a bare IPv6 address
  } else {
    url.host = text.substr(0, colon);
    port = text.substr(colon + 1);
  }
  if (!port.empty() && !parse_port(port, url.port)) url.bad_port = true;
  return url;
}

}  // namespace engine
