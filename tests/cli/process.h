// The built program as a child process with a home of its own: run to its end, or killed before.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/tiny_model.h"

namespace engine {

class ProcessTest : public ::testing::Test {
 protected:
  struct Outcome {
    int code = -1;  // 128 + signal for a killed process
    std::string out, err;
  };

  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "engine-proc-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    home_ = name;
  }
  void TearDown() override {
    std::error_code ec;
    std::filesystem::remove_all(home_, ec);
  }

  // Nothing listens at the default host. Output goes to files, which are read at the end.
  pid_t spawn(const std::vector<std::string>& words, const std::string& host = "127.0.0.1:1",
              const std::string& files = "run") {
    const std::string out = home_ + "/" + files + ".out", err = home_ + "/" + files + ".err";
    const pid_t child = ::fork();
    if (child != 0) return child;
    ::setenv("HOME", home_.c_str(), 1);
    ::setenv("OLLAMA_MODELS", (home_ + "/models").c_str(), 1);
    ::setenv("OLLAMA_HOST", host.c_str(), 1);
    ::dup2(::open(out.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644), 1);
    ::dup2(::open(err.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644), 2);
    std::vector<char*> argv = {const_cast<char*>(ENGINE_PROGRAM)};
    for (const std::string& w : words) argv.push_back(const_cast<char*>(w.c_str()));
    argv.push_back(nullptr);
    ::execv(ENGINE_PROGRAM, argv.data());
    ::_exit(127);
  }
  int wait(pid_t child) {
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  Outcome run(const std::vector<std::string>& words, const std::string& host = "127.0.0.1:1") {
    Outcome r;
    r.code = wait(spawn(words, host));
    r.out = text_of(home_ + "/run.out");
    r.err = text_of(home_ + "/run.err");
    return r;
  }
  static std::string text_of(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }

  std::string tiny(const std::string& name, uint32_t seed, bool embedding = false) {
    testing_model_.seed = seed;
    testing_model_.embedding = embedding;
    const std::string path = home_ + "/" + name + ".gguf";
    EXPECT_TRUE(engine::testing::write_tiny_model(path, testing_model_));
    return path;
  }

  // `engine serve` on a free port.
  pid_t spawn_server() {
    std::filesystem::remove(home_ + "/serve.err");
    return spawn({"serve"}, "127.0.0.1:0", "serve");
  }

  std::string home_;
  engine::testing::TinyModel testing_model_;
};

// A server whose address is read from its log `err`; killed at the end.
class ServeProcess {
 public:
  ServeProcess(pid_t pid, const std::string& err) : pid_(pid) {
    for (int i = 0; i < 1000 && address_.empty(); ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
      std::ifstream in(err);
      const std::string text{std::istreambuf_iterator<char>(in), {}};
      constexpr std::string_view kMark = "listens on ";
      const size_t at = text.find(kMark);
      const size_t end = at == std::string::npos ? at : text.find(' ', at + kMark.size());
      if (end != std::string::npos)
        address_ = text.substr(at + kMark.size(), end - at - kMark.size());
    }
  }
  ~ServeProcess() { kill(); }
  void kill() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }
  const std::string& address() const { return address_; }
  uint16_t port() const {
    return static_cast<uint16_t>(std::atoi(address_.substr(address_.rfind(':') + 1).c_str()));
  }

 private:
  pid_t pid_;
  std::string address_;
};

}  // namespace engine
