// `engine run` with a prompt, against a server whose answers are known.
#include <gtest/gtest.h>

#include <atomic>
#include <nlohmann/json.hpp>

#include "tests/cli/fake_server.h"
#include "tests/cli/program.h"

namespace engine {
namespace {

class RunTest : public Program {
 protected:
  FakeServer::Answer answer(const FakeServer::Request& r) {
    if (r.path == "/api/show") {
      if (!present_) return {404, {R"({"error":"model 'm' not found"})"}};
      return {200, {dump_json({{"capabilities", capabilities_}, {"details", Json::object()}})}};
    }
    if (r.path == "/api/pull") {
      present_ = !pull_fails_;
      if (pull_fails_)
        return {200,
                {R"({"status":"pulling manifest"})",
                 R"({"error":"pull model manifest: file does not exist"})"}};
      FakeServer::Answer out{200, {R"({"status":"pulling manifest"})"}};
      for (int i = 0; i <= 100; ++i)
        out.lines.push_back(dump_json({{"status", "pulling aabd4debf0c8"},
                                       {"digest", "sha256:aabd4debf0c8"},
                                       {"total", 1000},
                                       {"completed", i * 10}}));
      out.lines.emplace_back(R"({"status":"success"})");
      return out;
    }
    if (r.path == "/api/generate")
      return {200,
              {R"({"thinking":"hmm"})", R"({"response":"an "})", R"({"response":"answer"})",
               R"({"response":"","done":true,"eval_count":2,"eval_duration":1000000000})"}};
    if (r.path == "/api/embed") return {200, {R"({"embeddings":[[0.5,-1.25]]})"}};
    return {404, {R"({"error":"404 page not found"})"}};
  }
  Outcome ask(const std::string& arguments, const std::string& input = "") {
    return run("run " + arguments, input, "OLLAMA_HOST=" + server_.host() + " ");
  }
  Json sent(const std::string& path) const {
    const auto all = server_.requests(path);
    return all.empty() ? Json() : all.back().body;
  }

  std::atomic<bool> present_ = true;
  bool pull_fails_ = false;
  Json capabilities_ = {"completion"};
  FakeServer server_{[this](const FakeServer::Request& r) { return answer(r); }};
};

TEST_F(RunTest, PlainTextInAPipe) {
  const Outcome r = ask("m --verbose --keepalive 5m --format json hi there", "from stdin");
  EXPECT_EQ(r.code, 0) << r.err;
  EXPECT_EQ(r.out, "Thinking...\nhmm\n...done thinking.\n\nan answer\n\n");
  EXPECT_EQ(
      r.err,
      "eval count:           2 token(s)\neval duration:        1s\neval rate:            2.00 "
      "tokens/s\n");
  const Json body = sent("/api/generate");
  EXPECT_EQ(body["prompt"], "from stdin hi there");
  EXPECT_EQ(body["keep_alive"], "5m");
  EXPECT_EQ(body["format"], "json");
  EXPECT_FALSE(body.contains("think"));
  EXPECT_EQ(ask("m --hidethinking hi").out, "an answer\n\n");
}

TEST_F(RunTest, Thinking) {
  capabilities_ = {"completion", "thinking"};
  ask("m hi");
  EXPECT_EQ(sent("/api/generate")["think"], true);
  ask("m hi --think=false");
  EXPECT_EQ(sent("/api/generate")["think"], false);
  ask("m --think hi");
  EXPECT_EQ(sent("/api/generate")["think"], true);
  EXPECT_EQ(sent("/api/generate")["prompt"], "hi");
  ask("m --think=low hi");
  EXPECT_EQ(sent("/api/generate")["think"], "low");
  EXPECT_EQ(
      ask("m --think=maybe hi").err,
      "Error: invalid value for --think: \"maybe\" (must be true, false, high, medium, low, or "
      "max)\n");
}

TEST_F(RunTest, AMissingModelIsPulled) {
  present_ = false;
  const Outcome r = ask("m --insecure hi");
  EXPECT_EQ(r.code, 0) << r.err;
  EXPECT_TRUE(
      r.err.starts_with("pulling manifest\npulling aabd4debf0c8: 1% (10 B/1 KB)\npulling "
                        "aabd4debf0c8: 10% (100 B/1 KB)\n"))
      << r.err;
  EXPECT_TRUE(r.err.ends_with("pulling aabd4debf0c8: 100% (1 KB/1 KB)\nsuccess\n")) << r.err;
  EXPECT_EQ(r.err.find('\x1b'), std::string::npos);
  EXPECT_EQ(sent("/api/pull"), (Json{{"model", "m"}, {"insecure", true}, {"stream", true}}));
}

TEST_F(RunTest, APullThatFailsIsTheError) {
  present_ = false;
  pull_fails_ = true;
  const Outcome r = ask("m hi");
  EXPECT_EQ(r.code, 1);
  EXPECT_TRUE(r.err.ends_with("Error: pull model manifest: file does not exist\n")) << r.err;
  EXPECT_EQ(r.out, "");
}

TEST_F(RunTest, EmbeddingModels) {
  capabilities_ = {"embedding"};
  const Outcome r = ask("m --truncate=false --dimensions 2 text");
  EXPECT_EQ(r.out, "[0.5,-1.25]\n") << r.err;
  EXPECT_EQ(sent("/api/embed"),
            (Json{{"model", "m"}, {"input", "text"}, {"truncate", false}, {"dimensions", 2}}));
  const Outcome none = ask("m");
  EXPECT_EQ(none.code, 1);
  EXPECT_EQ(none.err,
            "Error: embedding models require input text. Usage: engine run m \"your text here\"\n");
}

TEST_F(RunTest, FilesForModelsThatSee) {
  capabilities_ = {"completion", "vision"};
  const auto write = [](const std::string& path, const std::string& bytes) {
    std::FILE* f = std::fopen(path.c_str(), "wb");
    std::fwrite(bytes.data(), 1, bytes.size(), f);
    std::fclose(f);
  };
  const std::string png = home_ + "/a picture.PNG", fake = home_ + "/fake.jpg";
  write(png, "\x89PNG\r\n\x1a\nrest");
  write(fake, "just text");
  const Outcome r = ask("m", "and/or what is on " + home_ + "/a\\ picture.PNG or /none.png?");
  EXPECT_EQ(r.err, "Added image '" + png + "'\n");
  EXPECT_EQ(sent("/api/generate")["prompt"], "and/or what is on  or /none.png?");
  EXPECT_EQ(sent("/api/generate")["images"], Json::array({"iVBORw0KGgpyZXN0"}));
  EXPECT_EQ(ask("m " + fake).err,
            "Error: Couldn't process file: \"invalid file type: text/plain\"\n");
  capabilities_ = {"completion"};
  ask("m " + fake);
  EXPECT_EQ(sent("/api/generate")["prompt"], fake);
}

TEST_F(RunTest, AnEmptyPromptOnlyLoads) {
  EXPECT_EQ(ask("m").code, 0);
  EXPECT_EQ(sent("/api/generate")["prompt"], "");
}

}  // namespace
}  // namespace engine
