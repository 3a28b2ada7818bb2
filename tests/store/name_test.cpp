// Names: the table of parses, the limits of every part, printing and parsing back.
#include "engine/store/name.h"

#include <gtest/gtest.h>

#include <random>

namespace engine {
namespace {

struct Case {
  const char *text, *host, *space, *model, *tag;
};

TEST(Name, Parses) {
  const Case cases[] = {
      {"mistral", "registry.ollama.ai", "library", "mistral", "latest"},
      {"u/m:7b-q4_K_M", "registry.ollama.ai", "u", "m", "7b-q4_K_M"},
      {"hf.co/u/Repo-GGUF:Q4_K_M", "hf.co", "u", "Repo-GGUF", "Q4_K_M"},
      {"localhost:5000/u/m", "localhost:5000", "u", "m", "latest"},
      {"a.b/m", "", "", "", ""},  // a namespace has no dot
  };
  for (const Case& c : cases) {
    const auto name = parse_model_name(c.text);
    if (!*c.model) {
      EXPECT_FALSE(name) << c.text;
      continue;
    }
    ASSERT_TRUE(name) << c.text;
    EXPECT_EQ(name->host, c.host);
    EXPECT_EQ(name->space, c.space);
    EXPECT_EQ(name->model, c.model);
    EXPECT_EQ(name->tag, c.tag);
  }
  const auto url = parse_model_name("http://localhost:5000/u/m");
  ASSERT_TRUE(url);
  EXPECT_EQ(url->scheme, "http");
  EXPECT_EQ(url->host, "localhost:5000");
}

TEST(Name, RefusesWhatIsNoName) {
  const std::string digest = "m@sha256:" + std::string(64, 'a');
  for (const std::string& text :
       {std::string("a/b/c/d"), std::string("m:"), std::string(":t"), std::string("/m"),
        std::string("u/"), digest, std::string(), std::string("a b"), std::string("-m"),
        std::string(".m"), std::string("m:-t"), std::string("../x"), std::string("h/../m"),
        std::string("m:.."), std::string("m\0x", 3)}) {
    EXPECT_FALSE(parse_model_name(text)) << text;
  }
}

TEST(Name, LimitsOfEveryPart) {
  const auto s = [](int n) { return std::string(static_cast<size_t>(n), 'x'); };
  EXPECT_TRUE(parse_model_name(s(350) + "/" + s(80) + "/" + s(80) + ":" + s(80)));
  EXPECT_FALSE(parse_model_name(s(351) + "/u/m:t"));
  EXPECT_FALSE(parse_model_name("h/" + s(81) + "/m:t"));
  EXPECT_FALSE(parse_model_name("h/u/" + s(81) + ":t"));
  EXPECT_FALSE(parse_model_name("h/u/m:" + s(81)));
}

TEST(Name, ShortFormLeavesDefaultsOut) {
  EXPECT_EQ(parse_model_name("registry.ollama.ai/library/m")->short_form(), "m:latest");
  EXPECT_EQ(parse_model_name("Registry.Ollama.AI/Library/M:T")->short_form(), "M:T");
  EXPECT_EQ(parse_model_name("u/m:t")->short_form(), "u/m:t");
  EXPECT_EQ(parse_model_name("hf.co/library/m")->short_form(), "hf.co/library/m:latest");
}

TEST(Name, PrintedNamesParseBack) {
  std::mt19937 random(1);
  const std::string first = "abzABZ019_", rest = first + "-.";
  const auto part = [&](bool dots) {
    std::string s(1, first[random() % first.size()]);
    for (size_t n = random() % 8; n > 0; --n) {
      const char c = rest[random() % rest.size()];
      s += c == '.' && !dots ? '-' : c;
    }
    return s;
  };
  for (int i = 0; i < 2000; ++i) {
    ModelName name;
    name.host = part(true), name.space = part(false), name.model = part(true),
    name.tag = part(true);
    const auto full = parse_model_name(name.full());
    ASSERT_TRUE(full) << name.full();
    EXPECT_EQ(*full, name);
    const auto brief = parse_model_name(name.short_form());
    ASSERT_TRUE(brief) << name.short_form();
    EXPECT_TRUE(brief->same(name)) << name.short_form();
  }
}

TEST(Name, SuffixesOfUsers) {
  EXPECT_EQ(parse_user_name(" m:7b:LOCAL ")->short_form(), "m:7b");
  EXPECT_EQ(parse_user_name("m:local")->short_form(), "m:latest");
  EXPECT_EQ(parse_user_name("m:cloud").error().message, "cloud models are not supported: m:cloud");
  EXPECT_EQ(parse_user_name("m:7b-Cloud").error().code, Errc::unsupported);
  EXPECT_EQ(parse_user_name("m:cloud:local").error().message,
            "use either :local or :cloud, not both: \"m:cloud:local\"");
  EXPECT_EQ(parse_user_name("m:local:cloud").error().message,
            "use either :local or :cloud, not both: \"m:local:cloud\"");
  EXPECT_EQ(parse_user_name("  ").error().message, "model is required");
}

TEST(Name, Digests) {
  const std::string hex(64, 'a');
  EXPECT_TRUE(valid_digest("sha256:" + hex));
  EXPECT_TRUE(valid_digest("sha256-" + hex));
  EXPECT_FALSE(valid_digest("sha256:" + hex + "a"));
  EXPECT_FALSE(valid_digest("sha256:" + std::string(63, 'a') + "g"));
  EXPECT_FALSE(valid_digest("sha256/" + hex));
  EXPECT_FALSE(valid_digest("../../../etc/passwd"));
}

}  // namespace
}  // namespace engine
