// Origin patterns have at most one star.
// A request of the same origin, or without one, is no business of CORS.
#include "server/http/cors.h"

#include <fmt/format.h>

namespace engine {
namespace {

constexpr std::string_view kHosts[] = {"localhost", "127.0.0.1", "0.0.0.0"};
constexpr std::string_view kApplications[] = {"app://*", "file://*", "tauri://*",
                                              "vscode-webview://*", "vscode-file://*"};
constexpr std::string_view kSchemes[] = {"http://",
                                         "https://",
                                         "chrome-extension://",
                                         "safari-extension://",
                                         "moz-extension://",
                                         "ms-browser-extension://"};
constexpr std::string_view kAllowMethods = "GET,POST,PUT,PATCH,DELETE,HEAD,OPTIONS";
constexpr std::string_view kAllowHeaders =
    "Authorization,Content-Type,User-Agent,Accept,X-Requested-With,Openai-Beta,X-Stainless-Arch,X-"
    "Stainless-Async,"
    "X-Stainless-Custom-Poll-Interval,X-Stainless-Helper-Method,X-Stainless-Lang,X-Stainless-Os,X-"
    "Stainless-Package-Version,"
    "X-Stainless-Poll-Helper,X-Stainless-Retry-Count,X-Stainless-Runtime,X-Stainless-Runtime-"
    "Version,X-Stainless-Timeout,"
    "X-Api-Key,Anthropic-Version,Anthropic-Beta,Anthropic-Dangerous-Direct-Browser-Access";

std::string lower_trimmed(std::string_view s) {
  while (!s.empty() && (s.front() == ' ' || s.front() == '\t')) s.remove_prefix(1);
  while (!s.empty() && (s.back() == ' ' || s.back() == '\t')) s.remove_suffix(1);
  std::string out(s);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

bool known_scheme(std::string_view entry) {
  for (const std::string_view scheme : kSchemes)
    if (entry.starts_with(scheme)) return true;
  return false;
}

}  // namespace

Result<CorsPolicy> CorsPolicy::parse(std::string_view entries) {
  CorsPolicy policy;
  const auto add = [&](std::string_view entry) {
    const size_t star = entry.find('*');
    if (star == std::string_view::npos)
      policy.patterns_.push_back({std::string(entry), {}, true});
    else
      policy.patterns_.push_back(
          {std::string(entry.substr(0, star)), std::string(entry.substr(star + 1)), false});
  };
  while (!entries.empty()) {
    const size_t comma = entries.find(',');
    const std::string entry = lower_trimmed(entries.substr(0, comma));
    entries = comma == std::string_view::npos ? std::string_view{} : entries.substr(comma + 1);
    if (entry.empty()) continue;
    const size_t star = entry.find('*');
    const bool two_stars =
        star != std::string::npos && entry.find('*', star + 1) != std::string::npos;
    if (two_stars || (star == std::string::npos && !known_scheme(entry)))
      return Error{Errc::invalid_argument,
                   fmt::format("invalid OLLAMA_ORIGINS entry \"{}\"", entry)};
    if (entry == "*") policy.any_ = true;
    add(entry);
  }
  for (const std::string_view host : kHosts) {
    for (const std::string_view scheme : {"http://", "https://"}) {
      add(fmt::format("{}{}", scheme, host));
      add(fmt::format("{}{}:*", scheme, host));
    }
  }
  for (const std::string_view application : kApplications) add(application);
  return policy;
}

bool CorsPolicy::allows(std::string_view origin) const {
  for (const Pattern& p : patterns_) {
    if (p.exact ? origin == p.prefix
                : origin.size() >= p.prefix.size() + p.suffix.size() &&
                      origin.starts_with(p.prefix) && origin.ends_with(p.suffix))
      return true;
  }
  return false;
}

CorsPolicy::Verdict CorsPolicy::check(const HttpRequest& request) const {
  const std::string_view origin = request.header("Origin");
  const std::string_view host = request.header("Host");
  if (origin.empty() || origin == fmt::format("http://{}", host) ||
      origin == fmt::format("https://{}", host))
    return {};
  if (!allows(origin)) return {empty_response(403), {}};

  std::vector<HttpHeader> headers{
      {"Access-Control-Allow-Origin", any_ ? "*" : std::string(origin)}};
  if (request.method != "OPTIONS") {
    if (!any_) headers.push_back({"Vary", "Origin"});
    return {std::nullopt, std::move(headers)};
  }
  headers.push_back({"Access-Control-Allow-Methods", std::string(kAllowMethods)});
  headers.push_back({"Access-Control-Allow-Headers", std::string(kAllowHeaders)});
  headers.push_back({"Access-Control-Max-Age", "43200"});
  if (!any_)
    headers.push_back(
        {"Vary", "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"});
  HttpResponse reply = empty_response(204);
  reply.headers = std::move(headers);
  return {std::move(reply), {}};
}

}  // namespace engine
