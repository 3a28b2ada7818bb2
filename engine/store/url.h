// Addresses of the web, cut into the parts that decide where a request goes and who may see its
// credentials.
#pragma once

#include <string>
#include <string_view>

#include "engine/core/result.h"

namespace engine {

struct Url {
  std::string scheme;  // "http" or "https"
  std::string host;    // lower case; IPv6 keeps its brackets
  std::string port;    // digits, "" where the address names none
  std::string target;  // path and query, begins with '/'

  std::string text() const;
  std::string authority() const;  // "host" or "host:port"
  // Where a request goes to, the default port filled in: "host:443".
  std::string endpoint() const;
  bool loopback() const;  // localhost, 127.*, [::1]
};

// Errc::invalid_argument: anything but http:// and https:// with a host.
Result<Url> parse_url(std::string_view text);
// A Location header, seen from the address it came from: absolute, "//host/..", "/path" or
// "path". Errc::invalid_argument: no address, or one that leaves encryption behind.
Result<Url> resolve_url(const Url& base, std::string_view location);

// Both addresses are answered by the same server, so that what the one may see the other may see
// too: the same host and port, or the same host behind TLS (http to https, default ports).
bool same_server(const Url& from, const Url& to);

// As the value of a form or a query: letters, digits, "-_.~" stay, a blank becomes '+', the rest
// %XX.
std::string form_encoded(std::string_view text);
// url with "key=value&..." behind its query.
std::string with_query(std::string_view url, std::string_view query);

}  // namespace engine
