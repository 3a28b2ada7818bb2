// One table of paths, one of error types per API.
#include "server/api_form.h"

#include <nlohmann/json.hpp>

#include "server/random_id.h"

namespace engine {
namespace {

struct PathForm {
  std::string_view prefix;
  ApiForm form;
};
// The first that fits; what none fits is native.
constexpr PathForm kPaths[] = {
    {"/v1/messages", ApiForm::anthropic},   {"/v1/health", ApiForm::llamacpp},
    {"/v1/rerank", ApiForm::llamacpp},      {"/v1/", ApiForm::openai},
    {"/health", ApiForm::llamacpp},         {"/metrics", ApiForm::llamacpp},
    {"/props", ApiForm::llamacpp},          {"/slots", ApiForm::llamacpp},
    {"/tokenize", ApiForm::llamacpp},       {"/detokenize", ApiForm::llamacpp},
    {"/apply-template", ApiForm::llamacpp}, {"/completion", ApiForm::llamacpp},
    {"/infill", ApiForm::llamacpp},         {"/rerank", ApiForm::llamacpp},
    {"/lora-adapters", ApiForm::llamacpp},
};

// The type of an error by its status: what the APIs say alike, then each for itself.
const char* common_type(int status) {
  switch (status) {
    case 400:
      return "invalid_request_error";
    case 401:
      return "authentication_error";
    case 403:
      return "permission_error";
    case 404:
      return "not_found_error";
    default:
      return nullptr;
  }
}

const char* openai_type(int status) {
  return status == 400 || status == 404 ? common_type(status) : "api_error";
}

const char* anthropic_type(int status) {
  if (const char* type = common_type(status)) return type;
  if (status == 429) return "rate_limit_error";
  return status == 503 || status == 529 ? "overloaded_error" : "api_error";
}

const char* llamacpp_type(int status) {
  if (const char* type = common_type(status)) return type;
  if (status == 501) return "not_supported_error";
  return status == 503 ? "unavailable_error" : "server_error";
}

}  // namespace

ApiForm api_form(std::string_view path) {
  for (const PathForm& p : kPaths)
    if (path.starts_with(p.prefix)) return p.form;
  return ApiForm::native;
}

Json error_json(ApiForm form, int status, std::string_view text) {
  const std::string message(text);
  switch (form) {
    case ApiForm::openai:
      return {{"error",
               {{"message", message},
                {"type", openai_type(status)},
                {"param", nullptr},
                {"code", nullptr}}}};
    case ApiForm::anthropic:
      return {{"type", "error"},
              {"error", {{"type", anthropic_type(status)}, {"message", message}}},
              {"request_id", random_hex_id("req_")}};
    case ApiForm::llamacpp:
      return {{"error", {{"code", status}, {"message", message}, {"type", llamacpp_type(status)}}}};
    case ApiForm::native:
      break;
  }
  return {{"error", message}};
}

HttpResponse json_response(ApiForm form, int status, const Json& body) {
  if (form != ApiForm::openai && form != ApiForm::anthropic)
    return json_text_response(status, dump_json(body));
  return {status, "application/json", {}, dump_json(body) + '\n'};
}

HttpResponse error_response(ApiForm form, int status, std::string_view text) {
  return json_response(form, status, error_json(form, status, text));
}

HttpResponse unauthorized_response(ApiForm form) {
  Json body = error_json(form, 401, form == ApiForm::native ? "unauthorized" : "Invalid API Key");
  if (form == ApiForm::openai) {
    body["error"]["type"] = common_type(401);
    body["error"]["code"] = 401;
  }
  HttpResponse response = json_response(form, 401, body);
  response.headers.push_back({"WWW-Authenticate", "Bearer"});
  return response;
}

}  // namespace engine
