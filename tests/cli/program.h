// The built program, run from the outside with a home of its own.
#pragma once

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "tests/support/data_dirs.h"

namespace engine {

namespace fs = std::filesystem;

struct Outcome {
  int code;
  std::string out, err;
};

inline std::string in_quotes(const std::string& s) {
  return "'" + s + "'";
}

class Program : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "engine-cli-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    home_ = name;
  }
  void TearDown() override {
    std::error_code ec;
    fs::remove_all(home_, ec);
  }
  // No server listens on the address that the program is given, but for a host in `before`. program:
  // another path to it.
  Outcome run(const std::string& arguments, const std::string& input = "",
              const std::string& before = "", const std::string& program = ENGINE_PROGRAM) {
    const std::string in = home_ + "/in", err = home_ + "/err";
    std::FILE* f = std::fopen(in.c_str(), "wb");
    std::fwrite(input.data(), 1, input.size(), f);
    std::fclose(f);
    const std::string command = "env -u OLLAMA_MODELS HOME=" + in_quotes(home_) +
                                " OLLAMA_HOST=127.0.0.1:1 " + before + in_quotes(program) + " " +
                                arguments + " < " + in_quotes(in) + " 2> " + in_quotes(err);
    Outcome r{-1, "", ""};
    std::FILE* pipe = ::popen(command.c_str(), "r");
    char buffer[4096];
    for (size_t n; (n = std::fread(buffer, 1, sizeof buffer, pipe)) > 0;) r.out.append(buffer, n);
    const int status = ::pclose(pipe);
    r.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    f = std::fopen(err.c_str(), "rb");
    for (size_t n; (n = std::fread(buffer, 1, sizeof buffer, f)) > 0;) r.err.append(buffer, n);
    std::fclose(f);
    return r;
  }
  // "" when the model was not fetched.
  std::string smollm2() const {
    const std::string path = testing::models_dir() + "/smollm2-135m.gguf";
    return fs::exists(path) ? path : "";
  }
  std::string home_;
};

#define NEED_MODEL()                                                                           \
  const std::string model = smollm2();                                                         \
  if (model.empty())                                                                           \
  GTEST_SKIP() << "build/models/smollm2-135m.gguf is missing: scripts/fetch_model.py smollm2 " \
                  "build/models/smollm2-135m.gguf"

}  // namespace engine
