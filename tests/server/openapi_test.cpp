// docs/openapi.yaml names the routes that the server has, and no others, and the server gives it out.
#include <fstream>
#include <set>
#include <sstream>
#include <string>

#include "tests/server/fixture.h"

namespace engine {
namespace {

// "GET /path" each.
std::set<std::string> routes() {
  std::set<std::string> out;
  const std::pair<std::string, std::string> list[] = {
#define ROUTE(method, path, handler) {#method, path},
#include "server/routes.inc"
  };
  for (auto [method, path] : list) {
    if (path.ends_with("/*"))
      path.replace(path.size() - 1, 1,
                   path.starts_with("/v1/models/")   ? "{model}"
                   : path.starts_with("/api/blobs/") ? "{digest}"
                                                     : "{key}");
    out.insert(method + " " + path);
  }
  return out;
}

std::string document() {
  std::ifstream in(ENGINE_SOURCE_DIR "/docs/openapi.yaml");
  EXPECT_TRUE(in);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

std::set<std::string> named_routes() {
  std::set<std::string> out;
  std::istringstream in(document());
  std::string path;
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("components:")) break;
    if (line.starts_with("  /") && line.ends_with(':')) path = line.substr(2, line.size() - 3);
    for (const std::string method : {"get", "head", "post", "put", "delete"}) {
      if (line != "    " + method + ":") continue;
      std::string upper = method;
      for (char& c : upper) c = static_cast<char>(c - 'a' + 'A');
      EXPECT_TRUE(out.insert(upper + " " + path).second) << "twice: " << upper << " " << path;
    }
  }
  return out;
}

TEST(OpenApi, NamesTheRoutes) {
  EXPECT_EQ(named_routes(), routes());
}

TEST(OpenApi, RefersToWhatItHas) {
  const std::string text = document();
  const std::string mark = "$ref: \"#/components/";
  for (size_t at = text.find(mark); at != std::string::npos; at = text.find(mark, at + 1)) {
    const size_t begin = at + mark.size(), end = text.find('"', begin);
    const std::string target = text.substr(begin, end - begin);
    const std::string name = target.substr(target.find('/') + 1);
    EXPECT_NE(text.find("\n    " + name + ":\n"), std::string::npos) << target;
  }
}

class OpenApiTest : public ServerTest {};

TEST_F(OpenApiTest, Served) {
  const testing::HttpReply r = get("/openapi.yaml");
  EXPECT_EQ(r.status, 200);
  EXPECT_EQ(r.header("content-type"), "application/yaml");
  EXPECT_EQ(r.body, document());
}

}  // namespace
}  // namespace engine
