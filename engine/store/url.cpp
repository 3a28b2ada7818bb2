// Cutting and joining addresses.
#include "engine/store/url.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/store/name.h"

namespace engine {
namespace {

std::string lower(std::string_view s) {
  std::string out(s);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

// A control character or a blank would become part of a request.
bool clean(std::string_view s) {
  return std::all_of(s.begin(), s.end(), [](char c) {
    const auto u = static_cast<unsigned char>(c);
    return u > 32 && u != 127;
  });
}

}  // namespace

std::string Url::authority() const {
  return port.empty() ? host : host + ":" + port;
}

std::string Url::endpoint() const {
  return host + ":" + (!port.empty() ? port : scheme == "https" ? "443" : "80");
}

std::string Url::text() const {
  return scheme + "://" + authority() + target;
}

bool Url::loopback() const {
  return host == "localhost" || host == "[::1]" || host.starts_with("127.");
}

Result<Url> parse_url(std::string_view text) {
  const Error bad{Errc::invalid_argument, fmt::format("invalid address \"{}\"", text)};
  const size_t mark = text.find("://");
  if (mark == std::string_view::npos || !clean(text)) return bad;
  Url url;
  url.scheme = lower(text.substr(0, mark));
  if (url.scheme != "http" && url.scheme != "https") return bad;
  std::string_view rest = text.substr(mark + 3);
  const size_t end = std::min(rest.find_first_of("/?#"), rest.size());
  std::string_view authority = rest.substr(0, end);
  rest.remove_prefix(end);
  // a name and password in an address would be sent to whoever it names
  if (authority.find('@') != std::string_view::npos) return bad;
  const size_t colon = authority.rfind(':');
  if (colon != std::string_view::npos && authority.find(']', colon) == std::string_view::npos) {
    url.port = authority.substr(colon + 1);
    authority = authority.substr(0, colon);
    if (url.port.size() > 5 || url.port.find_first_not_of("0123456789") != std::string::npos)
      return bad;
  }
  url.host = lower(authority);
  if (url.host.empty()) return bad;
  rest = rest.substr(0, rest.find('#'));
  url.target = rest.starts_with('/') ? std::string(rest) : "/" + std::string(rest);
  return url;
}

namespace {

// What is sent, and the credentials beside it, are nobody else's to read.
Result<Url> stays_encrypted(const Url& base, Result<Url> next) {
  if (next && base.scheme == "https" && next->scheme != "https")
    return Error{Errc::invalid_argument, fmt::format("{} redirects to {}, which is not encrypted",
                                                     base.text(), next->text())};
  return next;
}

}  // namespace

Result<Url> resolve_url(const Url& base, std::string_view location) {
  const size_t scheme = location.find("://");
  if (scheme != std::string_view::npos && scheme < location.find_first_of("/?#"))
    return stays_encrypted(base, parse_url(location));
  if (location.starts_with("//")) return parse_url(base.scheme + ":" + std::string(location));
  if (location.empty() || !clean(location))
    return Error{Errc::invalid_argument, fmt::format("invalid address \"{}\"", location)};
  Url url = base;
  location = location.substr(0, location.find('#'));
  if (location.starts_with('/')) {
    url.target = location;
    return url;
  }
  const std::string path = base.target.substr(0, base.target.find('?'));
  url.target = (location.starts_with('?') ? path : path.substr(0, path.rfind('/') + 1)) +
               std::string(location);
  return url;
}

bool same_server(const Url& from, const Url& to) {
  if (from.endpoint() == to.endpoint()) return from.scheme == to.scheme || to.scheme == "https";
  return from.host == to.host && from.scheme == "http" && from.endpoint().ends_with(":80") &&
         to.scheme == "https" && to.endpoint().ends_with(":443");
}

std::string form_encoded(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_' || c == '.' || c == '~';
    if (plain) {
      out += c;
    } else if (c == ' ') {
      out += '+';
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

std::string with_query(std::string_view url, std::string_view query) {
  std::string out(url);
  if (out.find('?') == std::string::npos) {
    out += '?';
  } else if (!out.ends_with('?') && !out.ends_with('&')) {
    out += '&';
  }
  return out.append(query);
}

}  // namespace engine
