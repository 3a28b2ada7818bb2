// The APIs that this server speaks, told apart by the path of a request, and how each words single
// replies and errors.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string_view>

#include "engine/core/json_io.h"
#include "server/http/http.h"

namespace engine {

enum class ApiForm : uint8_t { native, openai, anthropic, llamacpp };

ApiForm api_form(std::string_view path);

Json error_json(ApiForm form, int status, std::string_view text);
HttpResponse json_response(ApiForm form, int status, const Json& body);
// To a client without a valid key.
HttpResponse unauthorized_response(ApiForm form);
HttpResponse error_response(ApiForm form, int status, std::string_view text);

}  // namespace engine
