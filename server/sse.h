// Server-sent events as the APIs use them: lines end with \n, an event with an empty line.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "engine/core/json_io.h"

namespace engine {

inline constexpr std::string_view kEventStream = "text/event-stream";

inline void append_event(const Json& data, std::string& out) {
  out += "data: " + dump_json(data) + "\n\n";
}

inline void append_event(std::string_view type, const Json& data, std::string& out) {
  out.append("event: ").append(type).append("\n");
  append_event(data, out);
}

}  // namespace engine
