// docs/openapi.yaml names the routes that the server has, and no others.
// The native endpoints are not in it yet.
#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <string>

namespace engine {
namespace {

std::set<std::string> routes() {
  std::set<std::string> out;
  const std::string paths[] = {
#define ROUTE(method, path, handler) path,
#include "server/routes.inc"
  };
  for (std::string path : paths) {
    if (path == "/" || path.starts_with("/api/")) continue;
    if (path.ends_with("/*")) path.replace(path.size() - 1, 1, "{model}");
    out.insert(path);
  }
  return out;
}

TEST(OpenApi, NamesTheRoutes) {
  std::ifstream in(ENGINE_SOURCE_DIR "/docs/openapi.yaml");
  ASSERT_TRUE(in);
  std::set<std::string> named;
  for (std::string line; std::getline(in, line);)
    if (line.starts_with("  /") && line.ends_with(':'))
      named.insert(line.substr(2, line.size() - 3));
  EXPECT_EQ(named, routes());
}

}  // namespace
}  // namespace engine
