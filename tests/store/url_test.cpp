// Addresses: parsing, resolving, who may see whose credentials.
#include "engine/store/url.h"

#include <gtest/gtest.h>

namespace engine {
namespace {

TEST(Url, Parts) {
  const auto url = parse_url("HTTPS://Reg.Example:5000/v2/a?x=1#f");
  ASSERT_TRUE(url);
  EXPECT_EQ(url->scheme, "https");
  EXPECT_EQ(url->host, "reg.example");
  EXPECT_EQ(url->port, "5000");
  EXPECT_EQ(url->target, "/v2/a?x=1");
  EXPECT_EQ(url->text(), "https://reg.example:5000/v2/a?x=1");
  EXPECT_EQ(parse_url("http://h")->target, "/");
  EXPECT_EQ(parse_url("http://h?q")->target, "/?q");
  EXPECT_EQ(parse_url("http://[::1]:80/x")->host, "[::1]");
  EXPECT_EQ(parse_url("http://[::1]/x")->endpoint(), "[::1]:80");
  EXPECT_TRUE(parse_url("http://127.0.0.1:1")->loopback());
  EXPECT_FALSE(parse_url("http://example.org")->loopback());
}

TEST(Url, Refused) {
  for (const char* text : {"", "h/x", "ftp://h/", "file:///etc/passwd", "http://", "http://a b/",
                           "http://user:secret@h/", "http://h:port/", "http://h/\r\nX: y"})
    EXPECT_FALSE(parse_url(text)) << text;
}

TEST(Url, Locations) {
  const Url base = *parse_url("https://h:5/a/b?c=1");
  EXPECT_EQ(resolve_url(base, "https://o/x")->text(), "https://o/x");
  EXPECT_EQ(resolve_url(base, "//o/x")->text(), "https://o/x");
  EXPECT_EQ(resolve_url(base, "/x?y")->text(), "https://h:5/x?y");
  EXPECT_EQ(resolve_url(base, "x")->text(), "https://h:5/a/x");
  EXPECT_EQ(resolve_url(base, "?z=1")->text(), "https://h:5/a/b?z=1");
  EXPECT_EQ(resolve_url(base, "/x?to=http://e/")->text(), "https://h:5/x?to=http://e/");
  EXPECT_FALSE(resolve_url(base, ""));
  EXPECT_FALSE(resolve_url(base, "/a b"));
  EXPECT_FALSE(resolve_url(base, "ftp://h/"));
  EXPECT_EQ(resolve_url(base, "http://o/x").error().message,
            "https://h:5/a/b?c=1 redirects to http://o/x, which is not encrypted");
  EXPECT_TRUE(resolve_url(*parse_url("http://h/a"), "http://o/x"));
}

TEST(Url, SameServer) {
  const auto same = [](const char* a, const char* b) {
    return same_server(*parse_url(a), *parse_url(b));
  };
  EXPECT_TRUE(same("https://h/a", "https://h:443/b"));
  EXPECT_TRUE(same("http://h/a", "https://h/b"));
  EXPECT_FALSE(same("https://h/a", "http://h/b"));
  EXPECT_FALSE(same("http://h:1/a", "http://h:2/b"));
  EXPECT_FALSE(same("https://h/a", "https://h.evil/b"));
  EXPECT_FALSE(same("http://h:5000/a", "https://h/b"));
}

TEST(Url, Queries) {
  EXPECT_EQ(form_encoded("repository:u/m:pull x~"), "repository%3Au%2Fm%3Apull+x~");
  EXPECT_EQ(with_query("http://h/a", "b=1"), "http://h/a?b=1");
  EXPECT_EQ(with_query("http://h/a?c", "b=1"), "http://h/a?c&b=1");
}

}  // namespace
}  // namespace engine
