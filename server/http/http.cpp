// Serialization of reply heads, and small helpers around header fields.
#include "server/http/http.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <ctime>

#include "server/version.h"

namespace engine {
namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

// Header values come from us, but may carry text of the client
// (an origin): a line break would let it add headers.
void append_header(std::string& out, std::string_view name, std::string_view value) {
  out += name;
  out += ": ";
  for (const char c : value) out += c == '\r' || c == '\n' ? ' ' : c;
  out += "\r\n";
}

}  // namespace

bool equal_no_case(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i)
    if (lower(a[i]) != lower(b[i])) return false;
  return true;
}

std::string percent_decoded(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    uint8_t byte = 0;
    const char* first = text.data() + i + 1;
    if (text[i] == '%' && i + 2 < text.size() &&
        std::from_chars(first, first + 2, byte, 16).ptr == first + 2) {
      out += static_cast<char>(byte);
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

std::string query_value(std::string_view query, std::string_view key) {
  while (!query.empty()) {
    const size_t end = std::min(query.find('&'), query.size());
    const std::string_view pair = query.substr(0, end);
    const size_t equals = std::min(pair.find('='), pair.size());
    if (pair.substr(0, equals) == key)
      return percent_decoded(pair.substr(std::min(equals + 1, pair.size())));
    query.remove_prefix(std::min(end + 1, query.size()));
  }
  return {};
}

std::string_view HttpRequest::header(std::string_view name) const {
  for (const HttpHeader& h : headers)
    if (equal_no_case(h.name, name)) return h.value;
  return {};
}

bool HttpRequest::has_header(std::string_view name) const {
  for (const HttpHeader& h : headers)
    if (equal_no_case(h.name, name)) return true;
  return false;
}

std::string_view status_text(int status) {
  switch (status) {
    case 100:
      return "Continue";
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 204:
      return "No Content";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 413:
      return "Request Entity Too Large";
    case 431:
      return "Request Header Fields Too Large";
    case 499:
      return "Client Closed Request";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "Status";
  }
}

std::string response_head(const HttpResponse& response, const std::vector<HttpHeader>& extra,
                          BodyForm form, int http_minor, bool keep_alive) {
  std::string out =
      fmt::format("HTTP/1.{} {} {}\r\n", http_minor, response.status, status_text(response.status));
  if (!response.content_type.empty()) append_header(out, "Content-Type", response.content_type);
  for (const HttpHeader& h : response.headers) append_header(out, h.name, h.value);
  for (const HttpHeader& h : extra) append_header(out, h.name, h.value);
  append_header(out, "Date",
                fmt::format("{:%a, %d %b %Y %H:%M:%S} GMT", fmt::gmtime(std::time(nullptr))));
  append_header(out, "Server", kServerHeader);
  if (form == BodyForm::chunked) append_header(out, "Transfer-Encoding", "chunked");
  // A 204 has no body by definition and must not announce a length.
  if (form == BodyForm::length && response.status != 204)
    append_header(out, "Content-Length", std::to_string(response.body.size()));
  if (!keep_alive) append_header(out, "Connection", "close");
  if (keep_alive && http_minor == 0) append_header(out, "Connection", "keep-alive");
  out += "\r\n";
  return out;
}

std::string chunk(std::string_view text) {
  if (text.empty()) return {};
  return fmt::format("{:x}\r\n{}\r\n", text.size(), text);
}

HttpResponse text_response(int status, std::string_view text) {
  return {status, "text/plain; charset=utf-8", {}, std::string(text)};
}

HttpResponse json_text_response(int status, std::string json) {
  return {status, "application/json; charset=utf-8", {}, std::move(json)};
}

HttpResponse empty_response(int status) {
  return {status, {}, {}, {}};
}

}  // namespace engine
