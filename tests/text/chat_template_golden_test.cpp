// Renderings of published chat templates, recorded
// with the reference implementation of the language.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iomanip>
#include <nlohmann/json.hpp>
#include <sstream>

#include "engine/text/chat_template.h"
#include "tests/support/data_dirs.h"

namespace engine {
namespace {

std::time_t local_time(const std::string& iso) {
  std::tm t{};
  std::istringstream in(iso);
  in >> std::get_time(&t, "%Y-%m-%dT%H:%M:%S");
  t.tm_isdst = -1;
  return std::mktime(&t);
}

TEST(ChatTemplateGolden, EveryRecordedCase) {
  std::ifstream in(testing::shared_dir() + "/golden/chat/cases.json");
  if (!in) GTEST_SKIP() << "no golden/chat/cases.json under " << testing::shared_dir();
  std::stringstream text;
  text << in.rdbuf();
  const Result<Json> cases = parse_json(text.str());
  ASSERT_TRUE(cases);
  ASSERT_GE(cases->size(), 58u);
  for (const Json& c : *cases) {
    SCOPED_TRACE(c["name"].get<std::string>());
    const auto parsed = ChatTemplate::parse(c["template"].get<std::string>());
    ASSERT_TRUE(parsed) << parsed.error().message;
    Json variables = c["inputs"];
    const std::time_t now = local_time(variables["now"].get<std::string>());
    variables.erase("now");
    const auto out = parsed->render(variables, now);
    if (c["expected"].is_object()) {
      ASSERT_FALSE(out) << *out;
      EXPECT_EQ(out.error().code, Errc::invalid_argument);
      EXPECT_EQ(out.error().message, c["expected"]["error"].get<std::string>());
    } else {
      EXPECT_TRUE(out) << out.error().message;
      if (out) {
        EXPECT_EQ(*out, c["expected"].get<std::string>());
      }
    }
  }
}

}  // namespace
}  // namespace engine
