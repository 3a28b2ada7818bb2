// The verbs of the store: without a server, with one, and `fsck`.
#include "tests/cli/process.h"

namespace engine {
namespace {

namespace fs = std::filesystem;

using StoreVerbs = ProcessTest;

TEST_F(StoreVerbs, CopyListRemove) {
  const std::string file = tiny("tiny", 1);
  ASSERT_EQ(run({"import", file, "Tiny:v1"}).code, 0);
  Outcome r = run({"cp", "tiny:v1", "u/copy"});
  EXPECT_EQ(r.code, 0) << r.err;
  EXPECT_EQ(r.out, "copied 'tiny:v1' to 'u/copy'\n");
  EXPECT_EQ(run({"list", "-q", "TINY"}).out, "Tiny:v1\n");
  EXPECT_EQ(run({"list", "-q", "u/"}).out, "u/copy:latest\n");
  const std::string json = run({"list", "--json", "u/"}).out;
  EXPECT_NE(json.find("\"u/copy:latest\""), std::string::npos);
  EXPECT_EQ(json.find("Tiny:v1"), std::string::npos);
  EXPECT_NE(run({"list", "u/"}).out.find("u/copy:latest    "), std::string::npos);

  r = run({"rm", "tiny:v1", "u/copy"});
  EXPECT_EQ(r.code, 0) << r.err;
  EXPECT_EQ(r.out, "deleted 'tiny:v1'\ndeleted 'u/copy'\n");
  EXPECT_TRUE(fs::is_empty(home_ + "/models/blobs"));
  EXPECT_TRUE(fs::is_empty(home_ + "/models/manifests"));
}

// A program that knows the format and nothing of ours.
TEST_F(StoreVerbs, OthersReadTheStore) {
  if (std::system("python3 --version > /dev/null 2>&1") != 0) GTEST_SKIP() << "needs python3";
  ASSERT_EQ(run({"import", tiny("tiny", 1), "Tiny:v1", "--system", "<be kind>", "--params",
                 R"({"temperature":0.5,"stop":["<|end|>"]})"})
                .code,
            0);
  ASSERT_EQ(run({"cp", "tiny:v1", "example.org:5000/u/m"}).code, 0);
  const std::string command = "python3 " ENGINE_SOURCE_DIR "/scripts/check_store.py " + home_ +
                              "/models > " + home_ + "/checked";
  EXPECT_EQ(std::system(command.c_str()), 0);
  EXPECT_EQ(text_of(home_ + "/checked"),
            "example.org:5000/u/m:latest\nregistry.ollama.ai/library/Tiny:v1\n");
}

TEST_F(StoreVerbs, ErrorsOfOneLine) {
  const std::string file = tiny("tiny", 1);
  ASSERT_EQ(run({"import", file, "m"}).code, 0);
  const struct {
    std::vector<std::string> words;
    const char* err;
  } rows[] = {
      {{"cp", "none", "x"}, "Error: model \"none\" not found\n"},
      {{"cp", "m", "a@b"}, "Error: destination \"a@b\" is invalid\n"},
      {{"cp", "m"}, "Error: accepts 2 arg(s), received 1\n"},
      {{"rm"}, "Error: requires at least 1 arg(s), only received 0\n"},
      {{"rm", "none", "m"}, "Error: model 'none' not found\n"},
      {{"stop", "m"},
       "Error: could not connect to the engine server, run 'engine serve' to start it\n"},
      {{"load", "m", "--keepalive", "x"}, "Error: time: invalid duration \"x\"\n"},
  };
  for (const auto& row : rows) {
    const Outcome r = run(row.words);
    EXPECT_EQ(r.code, 1) << row.words[0];
    EXPECT_EQ(r.err, row.err);
  }
  EXPECT_EQ(run({"list", "-q"}).out, "m:latest\n") << "the first error stopped rm";
  // The store of this machine is not what is meant there.
  EXPECT_EQ(run({"rm", "m"}, "no-such-host.invalid:1").code, 1);
  EXPECT_EQ(run({"list", "-q"}).out, "m:latest\n");
}

TEST_F(StoreVerbs, Fsck) {
  Outcome r = run({"fsck"});
  EXPECT_EQ(r.code, 1);
  EXPECT_EQ(r.err, "Error: there is no model store at " + home_ +
                       "/models; OLLAMA_MODELS names another\n");
  ASSERT_EQ(run({"import", tiny("tiny", 1), "m"}).code, 0);
  r = run({"fsck"});
  EXPECT_EQ(r.code, 0) << r.out << r.err;
  EXPECT_NE(r.out.find("1 model, 2 blobs, "), std::string::npos) << r.out;
  EXPECT_NE(r.out.find(": sound\n"), std::string::npos) << r.out;

  const std::string garbage = home_ + "/models/blobs/engine-manifest-abcdef";
  std::ofstream(garbage) << "x";
  fs::last_write_time(garbage, fs::file_time_type::clock::now() - std::chrono::hours(2));
  r = run({"fsck"});
  EXPECT_EQ(r.code, 0);
  EXPECT_NE(r.out.find("garbage: " + garbage +
                       " (1 B)\n    a temporary file\n    remove with `engine fsck "
                       "--repair`\n"),
            std::string::npos)
      << r.out;
  r = run({"fsck", "--repair"});
  EXPECT_EQ(r.code, 0);
  EXPECT_NE(r.out.find("    removed\n"), std::string::npos) << r.out;
  EXPECT_FALSE(fs::exists(garbage));

  for (const auto& e : fs::directory_iterator(home_ + "/models/blobs"))
    if (e.file_size() > 1000) fs::resize_file(e.path(), 100);
  r = run({"fsck", "--json"});
  EXPECT_EQ(r.code, 1);
  EXPECT_TRUE(r.err.ends_with("Error: the store is not sound: see above what to do\n")) << r.err;
  EXPECT_NE(r.out.find("\"sound\": false"), std::string::npos) << r.out;
  EXPECT_NE(r.out.find("\"kind\": \"wrong_size\""), std::string::npos) << r.out;
}

TEST_F(StoreVerbs, FsckSumsUpAndShowsProgress) {
  ASSERT_EQ(run({"import", tiny("tiny", 1), "m"}).code, 0);
  const std::string blobs = home_ + "/models/blobs/";
  for (const char digit : {'1', '2', '3'})
    std::ofstream(blobs + "sha256-" + std::string(64, digit)) << std::string(1000, 'x');
  std::ofstream(blobs + "engine-manifest-abcdef") << "alone of its kind";
  fs::last_write_time(blobs + "engine-manifest-abcdef",
                      fs::file_time_type::clock::now() - std::chrono::hours(2));
  Outcome r = run({"fsck"});
  EXPECT_EQ(r.code, 0);
  EXPECT_NE(r.out.find("note: 3 unused files (3 KB)\n    left alone: younger than an hour"),
            std::string::npos)
      << r.out;
  EXPECT_EQ(r.out.find("sha256-111"), std::string::npos) << r.out;
  EXPECT_NE(r.out.find("garbage: " + blobs + "engine-manifest-abcdef (17 B)\n"), std::string::npos)
      << r.out;
  EXPECT_NE(r.out.find(": 1 model, 5 blobs, "), std::string::npos) << r.out;
  // no terminal: plain lines, the last one of all bytes
  EXPECT_TRUE(r.err.starts_with("checking blobs ")) << r.err;
  EXPECT_NE(r.err.find("checking blobs 100% ("), std::string::npos) << r.err;

  for (const char* flag : {"-v", "--verbose"}) {
    r = run({"fsck", flag});
    EXPECT_NE(r.out.find("note: " + blobs + "sha256-222"), std::string::npos) << r.out;
    EXPECT_EQ(r.out.find("unused files"), std::string::npos) << r.out;
  }
  for (const auto& e : fs::directory_iterator(blobs))
    fs::last_write_time(e.path(), fs::file_time_type::clock::now() - std::chrono::hours(2));
  r = run({"fsck", "--repair"});
  EXPECT_NE(r.out.find("garbage: 3 unused blobs (3 KB)\n    removed\n"), std::string::npos)
      << r.out;
  r = run({"fsck"});
  EXPECT_TRUE(r.out.ends_with(": sound\n")) << r.out;
  EXPECT_EQ(r.out.find("garbage"), std::string::npos) << r.out;
}

TEST_F(StoreVerbs, WithAServer) {
  ASSERT_EQ(run({"import", tiny("m", 1), "m"}).code, 0);
  ASSERT_EQ(run({"import", tiny("e", 2, true), "e"}).code, 0);
  const std::string err = home_ + "/serve.err";
  ServeProcess server(spawn_server(), err);
  ASSERT_FALSE(server.address().empty()) << text_of(err);
  const std::string host = server.address();
  EXPECT_EQ(run({"ps"}, host).out, "NAME    ID    SIZE    PROCESSOR    CONTEXT    UNTIL \n");
  for (const char* model : {"m", "e"}) {
    Outcome r = run({"load", model, "--keepalive", "-1"}, host);
    EXPECT_EQ(r.code, 0) << r.err;
    EXPECT_EQ(r.out, "");
    r = run({"ps", model}, host);
    EXPECT_NE(r.out.find(std::string(model) + ":latest    "), std::string::npos) << r.out;
    EXPECT_NE(r.out.find("    100% CPU     "), std::string::npos) << r.out;
    EXPECT_NE(r.out.find("    Forever"), std::string::npos) << r.out;
  }
  EXPECT_EQ(run({"ps", "M"}, host).out.find("latest"), std::string::npos) << "case counts";
  EXPECT_EQ(run({"restart", "m"}, host).code, 0);
  Outcome r = run({"stop", "m"}, host);
  EXPECT_EQ(r.code, 0) << r.err;
  EXPECT_EQ(r.out, "");
  EXPECT_EQ(run({"ps"}, host).out.find("m:latest"), std::string::npos);
  r = run({"stop", "nothing"}, host);
  EXPECT_EQ(r.err, "Error: couldn't find model \"nothing\" to stop\n");
  EXPECT_EQ(run({"restart", "nothing"}, host).err, "Error: model 'nothing' not found\n");
  EXPECT_EQ(run({"cp", "m", "n"}, host).out, "copied 'm' to 'n'\n");
  r = run({"rm", "e", "n"}, host);
  EXPECT_EQ(r.out, "deleted 'e'\ndeleted 'n'\n");
  EXPECT_EQ(r.err, "");
  EXPECT_EQ(run({"ps"}, host).out.find("e:latest"), std::string::npos) << "unloaded before";
  EXPECT_EQ(run({"list", "-q"}, host).out, "m:latest\n");

  // of the same store, then of another
  const std::string file = tiny("more", 3);
  EXPECT_EQ(run({"import", file, "more"}, host).err, "");
  const std::string home = home_;
  home_ += "/another";
  std::filesystem::create_directory(home_);
  r = run({"import", file, "elsewhere"}, host);
  home_ = home;
  EXPECT_EQ(r.code, 0);
  EXPECT_EQ(r.err,
            "note: the server that runs here has another store; `engine create elsewhere` with a "
            "Modelfile of the line FROM " +
                file + " puts the model there\n");
}

}  // namespace
}  // namespace engine
