#include "engine/core/log.h"

#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include "engine/core/log_file.h"

namespace engine {
namespace {

constexpr const char* kPattern = "time=%Y-%m-%dT%H:%M:%S.%e%z level=%l %v";

spdlog::logger& logger() {
  static const auto instance = [] {
    auto l = std::make_shared<spdlog::logger>("engine",
                                              std::make_shared<spdlog::sinks::stderr_sink_mt>());
    l->set_pattern(kPattern);
    l->set_level(spdlog::level::warn);
    return l;
  }();
  return *instance;
}

spdlog::level::level_enum level_of(LogLevel level) {
  constexpr spdlog::level::level_enum map[] = {spdlog::level::debug, spdlog::level::info,
                                               spdlog::level::warn, spdlog::level::err,
                                               spdlog::level::off};
  return map[static_cast<int>(level)];
}

}  // namespace

void set_log_level(LogLevel level) {
  logger().set_level(level_of(level));
}
void log_line(LogLevel level, std::string_view text) {
  logger().log(level_of(level), "{}", text);
}

Status log_to_file(const std::string& path) {
  try {
    auto sink = std::make_shared<spdlog::sinks::basic_file_sink_mt>(path);
    sink->set_pattern(kPattern);
    logger().sinks().push_back(std::move(sink));
    logger().flush_on(spdlog::level::debug);
    return ok;
  } catch (const spdlog::spdlog_ex& e) {
    return Error{Errc::io, fmt::format("cannot write {}: {}", path, e.what())};
  }
}

}  // namespace engine
