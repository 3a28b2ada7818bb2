// Accounts and hosted services, which this server does not have. Numbers: checks of the list of
// conformance.
#include "tests/server/fixture.h"

namespace engine {
namespace {

using testing::HttpReply;

class AccountTest : public ServerTest {};

TEST_F(AccountTest, Check255Status) {
  const HttpReply r = get("/api/status");
  EXPECT_EQ(r.status, 200);
  EXPECT_EQ(r.header("content-type"), "application/json; charset=utf-8");
  EXPECT_EQ(r.body, R"({"cloud":{"disabled":true,"source":"config"}})");
}

TEST_F(AccountTest, Check256Me) {
  for (const char* body : {"", "{}"}) {
    const HttpReply r = post("/api/me", body);
    EXPECT_EQ(r.status, 401);
    EXPECT_EQ(r.body, R"({"error":"unauthorized","signin_url":""})");
  }
}

TEST_F(AccountTest, Check257SignOut) {
  EXPECT_EQ(error_of("/api/signout", "", 401), "you are not currently signed in");
  const HttpReply r = testing::http(port(), "DELETE", "/api/user/keys/abc");
  EXPECT_EQ(r.status, 401);
  EXPECT_EQ(r.body, R"({"error":"you are not currently signed in"})");
  EXPECT_EQ(testing::http(port(), "DELETE", "/api/user/keys/").status, 404) << "no key";
}

TEST_F(AccountTest, Check258Web) {
  EXPECT_EQ(error_of("/api/experimental/web_search", R"({"query":"a"})", 403),
            "ollama cloud is disabled: web search is unavailable");
  EXPECT_EQ(error_of("/api/experimental/web_fetch", R"({"url":"http://a"})", 403),
            "ollama cloud is disabled: web fetch is unavailable");
  EXPECT_EQ(get("/api/experimental/model-recommendations").body, R"({"recommendations":[]})");
}

TEST_F(AccountTest, Check259Images) {
  EXPECT_EQ(get("/v1/images/generations").status, 404);
  EXPECT_EQ(post("/v1/images/generations", "{}").status, 404);
}

}  // namespace
}  // namespace engine
