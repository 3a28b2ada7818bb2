// Requests and replies as plain data: all that handlers know about HTTP.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace engine {

struct HttpHeader {
  std::string name, value;
};

struct HttpRequest {
  std::string method;               // "GET", as sent
  std::string path, query;          // target up to '?', and behind it; nothing is decoded
  std::vector<HttpHeader> headers;  // in order of arrival
  std::string body;
  std::string peer;                                 // address of the client
  std::chrono::steady_clock::time_point arrival{};  // of the complete header
  // the share of the memory for bodies; free again when the request is gone
  std::shared_ptr<void> hold;

  // "" when absent; names are compared without regard to case.
  std::string_view header(std::string_view name) const;
  bool has_header(std::string_view name) const;
};

struct HttpResponse {
  int status = 200;
  std::string content_type;  // empty: no Content-Type header
  std::vector<HttpHeader> headers;
  std::string body;
};

std::string_view status_text(int status);
bool equal_no_case(std::string_view a, std::string_view b);
// "%41" as "A"; what is no such sequence stays.
std::string percent_decoded(std::string_view text);
// The value of a key in a query ("a=1&b=2"), decoded; "" when absent.
std::string query_value(std::string_view query, std::string_view key);

enum class BodyForm : uint8_t { length, chunked, until_close };

// Status line and headers up to the empty line. extra: headers of every reply (CORS).
std::string response_head(const HttpResponse& response, const std::vector<HttpHeader>& extra,
                          BodyForm form, int http_minor, bool keep_alive);
// One chunk of a chunked body; an empty text gives nothing,
// since an empty chunk would end the body.
std::string chunk(std::string_view text);
inline constexpr std::string_view kLastChunk = "0\r\n\r\n";

HttpResponse text_response(int status, std::string_view text);
HttpResponse json_text_response(int status, std::string json);
HttpResponse empty_response(int status);

}  // namespace engine
