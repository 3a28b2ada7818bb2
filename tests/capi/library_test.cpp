// The library as a file: what it exports, and the examples that use it.
#include <sys/wait.h>

#include <cstdio>
#include <regex>
#include <set>

#include "tests/capi/fixture.h"

namespace engine {
namespace {

struct Outcome {
  int code;
  std::string out;
};

Outcome run(const std::string& command) {
  Outcome r{-1, ""};
  std::FILE* pipe = ::popen(command.c_str(), "r");
  if (pipe == nullptr) return r;
  char buffer[4096];
  for (size_t n; (n = std::fread(buffer, 1, sizeof buffer, pipe)) > 0;) r.out.append(buffer, n);
  const int status = ::pclose(pipe);
  r.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return r;
}

std::set<std::string> words(const std::string& text, const std::regex& pattern) {
  std::set<std::string> out;
  for (std::sregex_iterator i(text.begin(), text.end(), pattern), end; i != end; ++i)
    out.insert((*i)[1]);
  return out;
}

TEST(CapiLibrary, ExportsTheFunctionsOfTheHeader) {
  const std::string header = gguf::read_file(ENGINE_SOURCE_DIR "/include/engine.h");
  const std::regex declared(R"(ENGINE_API [\w\s*]*?\b(engine_\w+)\()");
  const Outcome nm = run(ENGINE_NM " -D --defined-only " ENGINE_LIBRARY_FILE);
  ASSERT_EQ(nm.code, 0);
  const std::set<std::string> exported = words(nm.out, std::regex(R"(\w+ \w (\S+))"));
  EXPECT_EQ(exported, words(header, declared));
  EXPECT_GE(exported.size(), 14u);
}

class CapiExamples : public CapiTest {
 protected:
  // What the examples do.
  std::string answer() {
    const engine_message question = {"user", "is the sky blue"};
    const engine_generate_options o = generate_options(16);
    engine_model* model = nullptr;
    EXPECT_EQ(engine_model_open(path("tiny.gguf").c_str(), nullptr, &model), ENGINE_OK);
    std::string text;
    EXPECT_EQ(engine_chat(model, &question, 1, &o, append, &text, nullptr), ENGINE_OK);
    engine_model_free(model);
    return text + "\n";
  }
  std::string arguments() const { return " '" + path("tiny.gguf") + "' 'is the sky blue' 16"; }
};

TEST_F(CapiExamples, C) {
  const Outcome r = run(ENGINE_EXAMPLE + arguments() + " 2>/dev/null");
  EXPECT_EQ(r.code, 0);
  EXPECT_EQ(r.out, answer());
  EXPECT_EQ(run(ENGINE_EXAMPLE " 2>/dev/null").code, 2);
  const Outcome bad = run(ENGINE_EXAMPLE " /nonexistent/model hello 2>&1");
  EXPECT_EQ(bad.code, 1);
  EXPECT_TRUE(bad.out.starts_with("error: ")) << bad.out;
}

TEST_F(CapiExamples, Python) {
  if (ENGINE_SANITIZED) GTEST_SKIP() << "python does not have the functions of the sanitizer";
  const std::string python =
      "ENGINE_LIBRARY=" ENGINE_LIBRARY_FILE " python3 " ENGINE_SOURCE_DIR "/examples/generate.py";
  const Outcome r = run(python + arguments() + " 2>/dev/null");
  EXPECT_EQ(r.code, 0);
  EXPECT_EQ(r.out, answer());
  const Outcome bad = run(python + " /nonexistent/model hello 2>&1");
  EXPECT_EQ(bad.code, 1);
  EXPECT_TRUE(bad.out.starts_with("error: ")) << bad.out;
}

// A conversation: the second answer follows the first.
TEST_F(CapiExamples, Cpp) {
  const std::string chat = ENGINE_CHAT_EXAMPLE " '" + path("tiny.gguf") + "' 16 2>/dev/null";
  const Outcome one = run("printf 'is the sky blue' | " + chat);
  EXPECT_EQ(one.code, 0);
  EXPECT_EQ(one.out, answer());
  const Outcome two = run("printf 'is the sky blue\\nyou\\n' | " + chat);
  EXPECT_EQ(two.code, 0);
  EXPECT_TRUE(two.out.starts_with(one.out) && two.out.size() > one.out.size() + 1) << two.out;
  EXPECT_EQ(run("printf '' | " + chat).out, "");
  EXPECT_EQ(run(ENGINE_CHAT_EXAMPLE " 2>/dev/null").code, 2);
  const Outcome bad = run(ENGINE_CHAT_EXAMPLE " /nonexistent/model 2>&1");
  EXPECT_EQ(bad.code, 1);
  EXPECT_TRUE(bad.out.starts_with("error: ")) << bad.out;
}

}  // namespace
}  // namespace engine
