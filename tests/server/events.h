// Event streams taken apart.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace engine::testing {

struct ServerEvent {
  std::string type, data;  // type: "" where the stream names none
};

// Fails the test on lines that are no event.
inline std::vector<ServerEvent> parse_events(const std::string& body) {
  std::vector<ServerEvent> out;
  EXPECT_TRUE(body.empty() || body.ends_with("\n\n")) << body;
  for (size_t at = 0; at < body.size();) {
    const size_t end = body.find("\n\n", at);
    if (end == std::string::npos) break;
    std::string text = body.substr(at, end - at);
    ServerEvent event;
    if (text.starts_with("event: ")) {
      const size_t line = text.find('\n');
      event.type = text.substr(7, line - 7);
      text.erase(0, line + 1);
    }
    EXPECT_TRUE(text.starts_with("data: ")) << text;
    event.data = text.substr(std::min<size_t>(6, text.size()));
    EXPECT_EQ(event.data.find('\n'), std::string::npos) << event.data;
    out.push_back(std::move(event));
    at = end + 2;
  }
  return out;
}

}  // namespace engine::testing
