// One line per request, readable first: what, outcome, how long, how much, who.
#include "server/request_log.h"

#include <fmt/format.h>

namespace engine {
namespace {

std::string duration_text(std::chrono::nanoseconds d) {
  const double ms = static_cast<double>(d.count()) / 1e6;
  return ms < 1000 ? fmt::format("{:.1f} ms", ms) : fmt::format("{:.2f} s", ms / 1000);
}

// A path is text of the client: control characters would let it forge lines of the log.
std::string printable(std::string_view text) {
  std::string out;
  for (const char c : text.substr(0, 200))
    out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
  return out;
}

}  // namespace

std::string request_line(const RequestRecord& r) {
  return fmt::format("{} {} {} {}, {} bytes, {}{}{}{}", printable(r.method), printable(r.target),
                     r.status, duration_text(r.duration), r.bytes, r.peer,
                     r.note.empty() ? "" : ", ", printable(r.note),
                     r.disconnected ? ", client disconnected: cancelled" : "");
}

}  // namespace engine
