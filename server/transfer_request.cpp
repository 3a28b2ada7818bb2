// Fields of pull and push.
#include "server/transfer_request.h"

#include <nlohmann/json.hpp>

#include "server/json_fields.h"
#include "server/version.h"

namespace engine {

Result<std::optional<TransferRequest>> read_transfer_request(const HttpRequest& request,
                                                             Reply& reply, const char* no_name) {
  ENGINE_TRY(body, parse_body(request));
  const JsonFields fields(body);
  TransferRequest out;
  ENGINE_TRY(model, fields.string("model"));
  ENGINE_TRY(alias, fields.string("name"));
  ENGINE_TRY(insecure, fields.boolean("insecure", false));
  ENGINE_TRY(stream, fields.boolean("stream", true));
  const std::string& asked = model.empty() ? alias : model;
  if (asked.empty()) return Error{Errc::invalid_argument, no_name};
  const auto name = parse_user_name(asked);
  if (!name && name.error().code == Errc::unsupported) {
    reply.error(403, name.error().message);
    return std::optional<TransferRequest>();
  }
  if (!name) return name.error();
  out.name = *name;
  out.options.insecure = insecure;
  out.options.agent = kServerHeader;
  out.stream = stream;
  return std::optional(std::move(out));
}

}  // namespace engine
