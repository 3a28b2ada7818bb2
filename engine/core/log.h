// The logger: one line per event on stderr. OLLAMA_DEBUG=1 shows debug lines; the command line
// keeps info lines to itself.
#pragma once

#include <fmt/format.h>

#include <string_view>

namespace engine {

enum class LogLevel : uint8_t { debug, info, warn, error, off };

void set_log_level(LogLevel level);
void log_line(LogLevel level, std::string_view text);

template <class... A>
void log_debug(fmt::format_string<A...> f, A&&... a) {
  log_line(LogLevel::debug, fmt::format(f, std::forward<A>(a)...));
}
template <class... A>
void log_info(fmt::format_string<A...> f, A&&... a) {
  log_line(LogLevel::info, fmt::format(f, std::forward<A>(a)...));
}
template <class... A>
void log_warn(fmt::format_string<A...> f, A&&... a) {
  log_line(LogLevel::warn, fmt::format(f, std::forward<A>(a)...));
}
template <class... A>
void log_error(fmt::format_string<A...> f, A&&... a) {
  log_line(LogLevel::error, fmt::format(f, std::forward<A>(a)...));
}

}  // namespace engine
